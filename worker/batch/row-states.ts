import { present } from "../../shared/core/assert.ts";
import { ShardmillError } from "../../shared/core/errors.ts";
import type { StateBinding } from "../../shared/domain/map-binding.ts";
import { dtypeBytes, type TensorData, withBatchAt } from "../../shared/domain/tensor.ts";
import { placeBatch, rowsFirst } from "../tensorize/batch-axis.ts";
import type { InputChunk } from "../tensorize/input-chunk.ts";
import type { Batch } from "./batch.ts";
import type { BufferPool } from "./buffer-pool.ts";

/**
 * States that a recurrent model gets with a row: outputs for the row's previous part, or zeros. States are
 * kept by row, so a batch can be rebuilt, split or mixed at any time.
 */
export class RowStates {
  readonly #bindings: readonly StateBinding[];
  /** Bytes of each state, by chunk and by row to run. */
  readonly #waiting = new WeakMap<InputChunk, Map<number, readonly Uint8Array[]>>();

  constructor(bindings: readonly StateBinding[]) {
    this.#bindings = bindings;
  }

  /** Outputs that become states of the next parts. */
  get outputs(): readonly string[] {
    return this.#bindings.map(({ output }) => output);
  }

  /** @param rows rows of the tensors: the batch's rows, and the last one repeated up to a fixed number */
  feeds(batch: Batch, rows: number, pool: BufferPool): Readonly<Record<string, TensorData>> {
    return Object.fromEntries(
      this.#bindings.map((binding, index) => [
        binding.tensor,
        this.#feed(batch, index, { rows, pool, binding }),
      ]),
    );
  }

  /**
   * Keeps the states for the next parts of the rows, and drops the states that the rows had.
   *
   * @throws {MODEL_SHAPE} when a state has another shape than the model's input
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

/** Copies a state, because the model's tensors are freed when their rows are collected. */
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
      `output ${output}: the model's next state should be ${expected}, as its input ${tensor}, but is ${found}`,
      { fields: { tensor: output, expected, found } },
    );
  }
  const first = rowsFirst(state, batchAxis);
  const data = new Uint8Array(first === state ? state.data.slice(0) : first.data);
  return { data, rowBytes: rowValues * dtypeBytes(dtype) };
}
