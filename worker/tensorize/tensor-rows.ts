import { present } from "../../shared/core/assert.ts";
import { dtypeBytes, product, type TensorData } from "../../shared/domain/tensor.ts";
import { openTexts, TextsWriter } from "../../shared/domain/texts.ts";

/** Copies rows `[start, end)` of a tensor whose first dimension is the rows. */
export function sliceRows({ dtype, dims, data }: TensorData, start: number, end: number): TensorData {
  const rowDims = dims.slice(1);
  const width = product(rowDims);
  const sliced = [end - start, ...rowDims];
  if (dtype !== "string") {
    const rowBytes = width * dtypeBytes(dtype);
    return { dtype, dims: sliced, data: data.slice(start * rowBytes, end * rowBytes) };
  }
  const texts = new TextsWriter(product(sliced));
  appendTexts(texts, data, { count: product(dims), start: start * width, end: end * width });
  return { dtype, dims: sliced, data: texts.finish() };
}

/**
 * Joins tensors along their rows. Dtypes and all other dimensions must be equal.
 *
 * @param parts at least one
 */
export function joinRows(parts: readonly TensorData[]): TensorData {
  const { dtype, dims } = present(parts[0], "there is something to join");
  const rows = parts.reduce((sum, part) => sum + (part.dims[0] ?? 0), 0);
  const joined = [rows, ...dims.slice(1)];
  if (dtype === "string") {
    const texts = new TextsWriter(product(joined));
    for (const { data, dims } of parts) {
      const count = product(dims);
      appendTexts(texts, data, { count, start: 0, end: count });
    }
    return { dtype, dims: joined, data: texts.finish() };
  }
  const bytes = new Uint8Array(product(joined) * dtypeBytes(dtype));
  let at = 0;
  for (const { data } of parts) {
    bytes.set(new Uint8Array(data), at);
    at += data.byteLength;
  }
  return { dtype, dims: joined, data: bytes.buffer };
}

/** Appends texts `[start, end)` of the `count` texts packed in `data`. */
function appendTexts(
  texts: TextsWriter,
  data: ArrayBuffer,
  { count, start, end }: { readonly count: number; readonly start: number; readonly end: number },
): void {
  const { offsets, bytes } = openTexts(data, count);
  for (let index = start; index < end; index += 1) texts.append(bytes, offsets[index], offsets[index + 1]);
}
