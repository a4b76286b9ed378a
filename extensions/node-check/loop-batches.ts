import { DTYPE_ARRAYS, dtypeBytes, type TensorData } from "../../shared/domain/tensor.ts";
import { seededRandom } from "../../shared/onnx/graph.ts";
import type { LoopModel } from "./loop-protocol.ts";
import type { FeedSpec } from "./workloads.ts";

/** Batch sizes to try. Each step is large, because the search shares a few seconds. */
const SIZES = [1, 4, 16, 64, 256, 1_024, 4_096, 16_384];
/** Limit of a batch's inputs, as in a job. */
const BATCH_BYTES = 64 << 20;

/** Returns the batch sizes that a model's inputs allow. */
export function loopSizes({ feeds, lengths }: Pick<LoopModel, "feeds" | "lengths">): readonly number[] {
  const longest = Math.max(0, ...(lengths ?? []));
  const rowBytes = feeds.reduce(
    (bytes, { rowDims, dtype }) => bytes + dtypeBytes(dtype) * valuesIn(rowDims, longest),
    0,
  );
  return SIZES.filter((size) => size === 1 || size * rowBytes <= BATCH_BYTES);
}

/** Makes a batch of random tensors for each length. Its rows are equally long, so nothing is padded. */
export function loopBatches(
  { feeds, lengths }: Pick<LoopModel, "feeds" | "lengths">,
  rows: number,
): readonly Readonly<Record<string, TensorData>>[] {
  return (lengths ?? [0]).map((length) =>
    Object.fromEntries(feeds.map((feed) => [feed.tensor, randomTensor(feed, rows, length)])),
  );
}

function randomTensor({ dtype, rowDims, below }: FeedSpec, rows: number, length: number): TensorData {
  const random = seededRandom(rows);
  const value = () => (below === null ? 1 : below * random());
  const count = rows * valuesIn(rowDims, length);
  const data =
    dtype === "int64"
      ? BigInt64Array.from({ length: count }, () => BigInt(Math.floor(value())))
      : DTYPE_ARRAYS[dtype].from({ length: count }, value);
  return { dtype, dims: [rows, ...rowDims.map((dim) => dim ?? length)], data: data.buffer };
}

function valuesIn(rowDims: FeedSpec["rowDims"], length: number): number {
  return rowDims.reduce<number>((product, dim) => product * (dim ?? length), 1);
}
