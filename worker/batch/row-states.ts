import { present } from "../../shared/core/assert.ts";
import { ShardmillError } from "../../shared/core/errors.ts";
import type { StateBinding } from "../../shared/domain/map-binding.ts";
import { dtypeBytes, type TensorData, withBatchAt } from "../../shared/domain/tensor.ts";
import { placeBatch, rowsFirst } from "../tensorize/batch-axis.ts";
import type { InputChunk } from "../tensorize/input-chunk.ts";
import type { Batch } from "./batch.ts";
import type { BufferPool } from "./buffer-pool.ts";

/**
 * What a recurrent model is given of a row: what it made of the row's part before, zeros for the first. It is
 * kept by row, so that a batch can be built again, halved, or mixed of other rows at any time.
 */
export class RowStates {
  readonly #bindings: readonly StateBinding[];
  /** By chunk and by row that is to run, the bytes of each state. */
  readonly #waiting = new WeakMap<InputChunk, Map<number, readonly Uint8Array[]>>();

  constructor(bindings: readonly StateBinding[]) {
    this.#bindings = bindings;
  }

  /** The outputs that the next parts are given. */
  get outputs(): readonly string[] {
    return this.#bindings.map(({ output }) => output);
  }

  /** @param rows of the tensors: those of the batch, of which the last is repeated up to a fixed number */
  feeds(batch: Batch, rows: number, pool: BufferPool): Readonly<Record<string, TensorData>> {
    return Object.fromEntries(
      this.#bindings.map((binding, index) => [
        binding.tensor,
        this.#feed(batch, index, { rows, pool, binding }),
      ]),
    );
  }

  /**
   * Keeps what was made of rows for the parts behind them, and forgets what these had.
   *
   * @throws {MODEL_SHAPE} when a state is not of the shape that the model was given
   */
  keep(batch: Batch, rows: number, outputs: Readonly<Record<string, TensorData>>): void {
    if (this.#bindings.length === 0) return;
    const states = this.#bindings.map((binding) => ownRows(outputs, binding, rows));
    let at = 0;
    for (const { chunk, start, end } of batch.pieces) {
      for (let row = start; row < end; row += 1, at += 1) {
        const waiting = this.#waiting.get(chunk) ?? new Map<number, readonly Uint8Array[]>();
        this.#waiting.set(chunk, waiting);
        waiting.delete(row);
        if (!chunk.hasPartBehind(row)) continue;
        const place = at;
        waiting.set(
          row + 1,
          states.map(({ data, rowBytes }) => data.subarray(place * rowBytes, (place + 1) * rowBytes)),
        );
      }
    }
  }

  #feed(
    batch: Batch,
    index: number,
    {
      rows,
      pool,
      binding,
    }: { readonly rows: number; readonly pool: BufferPool; readonly binding: StateBinding },
  ): TensorData {
    const { dtype, rowDims, rowValues, batchAxis } = binding;
    const rowBytes = rowValues * dtypeBytes(dtype);
    const data = pool.take(rows * rowBytes);
    const bytes = new Uint8Array(data);
    let at = 0;
    for (const { chunk, start, end } of batch.pieces) {
      for (let row = start; row < end; row += 1, at += rowBytes) {
        const state = this.#waiting.get(chunk)?.get(row);
        if (state === undefined) bytes.fill(0, at, at + rowBytes);
        else bytes.set(present(state[index], "a row has all states"), at);
      }
    }
    for (; at < bytes.length; at += rowBytes) bytes.copyWithin(at, at - rowBytes, at);
    return placeBatch({ dtype, dims: [rows, ...rowDims], data }, batchAxis);
  }
}

/** A copy: the model's tensors are freed when their rows are collected. */
function ownRows(
  outputs: Readonly<Record<string, TensorData>>,
  { tensor, output, dtype, rowDims, rowValues, batchAxis }: StateBinding,
  rows: number,
): { readonly data: Uint8Array; readonly rowBytes: number } {
  const state = outputs[output];
  const dims = withBatchAt(rowDims, rows, batchAxis);
  const isSame = state?.dtype === dtype && state.dims.join() === dims.join();
  if (state === undefined || !isSame) {
    const expected = `${dtype}[${dims.join(", ")}]`;
    const found = state === undefined ? "nothing" : `${state.dtype}[${state.dims.join(", ")}]`;
    throw new ShardmillError(
      "MODEL_SHAPE",
      `output ${output}: the model's next state should be ${expected}, as its input ${tensor} is, and is ${found}`,
      { fields: { tensor: output, expected, found } },
    );
  }
  const first = rowsFirst(state, batchAxis);
  const data = new Uint8Array(first === state ? state.data.slice(0) : first.data);
  return { data, rowBytes: rowValues * dtypeBytes(dtype) };
}
