import { dtypeBytes, product, type TensorData } from "../../shared/domain/tensor.ts";
import { openTexts, TextsWriter } from "../../shared/domain/texts.ts";

/** Moves the rows of a tensor `[rows, ...]` to the batch axis of the model. */
export function placeBatch(tensor: TensorData, batchAxis: number): TensorData {
  if (batchAxis === 0) return tensor;
  const [rows = 1, ...rest] = tensor.dims;
  const dims = [...rest.slice(0, batchAxis), rows, ...rest.slice(batchAxis)];
  return { ...tensor, dims, data: swapped(tensor, rows, product(rest.slice(0, batchAxis))) };
}

/** Moves the batch axis of a model's tensor to the front, so that each row is contiguous. */
export function rowsFirst(tensor: TensorData, batchAxis: number): TensorData {
  const rows = tensor.dims[batchAxis];
  if (batchAxis === 0 || rows === undefined) return tensor;
  const before = tensor.dims.slice(0, batchAxis);
  const dims = [rows, ...before, ...tensor.dims.slice(batchAxis + 1)];
  return { ...tensor, dims, data: swapped(tensor, product(before), rows) };
}

/** Reorders elements from `[first, second, ...]` to `[second, first, ...]`. */
function swapped({ dtype, dims, data }: TensorData, first: number, second: number): ArrayBuffer {
  if (dtype === "string") return swappedTexts(data, product(dims), first, second);
  const blocks = first * second;
  const blockBytes = blocks === 0 ? 0 : (product(dims) / blocks) * dtypeBytes(dtype);
  const from = new Uint8Array(data);
  const to = new Uint8Array(data.byteLength);
  for (let i = 0; i < first; i += 1) {
    for (let j = 0; j < second; j += 1) {
      const start = (i * second + j) * blockBytes;
      to.set(from.subarray(start, start + blockBytes), (j * first + i) * blockBytes);
    }
  }
  return to.buffer;
}

function swappedTexts(data: ArrayBuffer, count: number, first: number, second: number): ArrayBuffer {
  const { offsets, bytes } = openTexts(data, count);
  const texts = new TextsWriter(count);
  const inner = first * second === 0 ? 0 : count / (first * second);
  for (let j = 0; j < second; j += 1) {
    for (let i = 0; i < first; i += 1) {
      const start = (i * second + j) * inner;
      for (let index = start; index < start + inner; index += 1)
        texts.append(bytes, offsets[index], offsets[index + 1]);
    }
  }
  return texts.finish();
}
