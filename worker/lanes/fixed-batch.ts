import { ShardmillError } from "../../shared/core/errors.ts";
import type { MapBinding } from "../../shared/domain/map-binding.ts";
import type { TensorData } from "../../shared/domain/tensor.ts";
import type { LaneSession } from "../../shared/onnx/session.ts";
import { placeBatch, rowsFirst } from "../tensorize/batch-axis.ts";
import { joinRows, sliceRows } from "../tensorize/tensor-rows.ts";

type Tensors = Readonly<Record<string, TensorData>>;

/** Fixed batch size of a model, with the batch axis of each tensor that has rows. */
export interface FixedBatch {
  readonly rows: number;
  /** Batch axis by input. Inputs that are equal for all rows are not listed. */
  readonly inputs: Readonly<Record<string, number>>;
  readonly outputs: Readonly<Record<string, number>>;
}

/** Returns the fixed batch of a model. Null: batches may have any size. */
export function fixedBatchOf({ inputs, outputs, state = [], fixedBatchRows }: MapBinding): FixedBatch | null {
  if (fixedBatchRows === null) return null;
  const ofRows = inputs.filter(({ rowShape }) => rowShape.kind !== "none");
  return {
    rows: fixedBatchRows,
    inputs: Object.fromEntries([...ofRows, ...state].map(({ tensor, batchAxis }) => [tensor, batchAxis])),
    outputs: Object.fromEntries([
      ...outputs.map(({ tensor, batchAxis }) => [tensor, batchAxis]),
      ...state.map(({ output, batchAxis }) => [output, batchAxis]),
    ]),
  };
}

/**
 * Session that takes several fixed batches at once, and runs them one after another. Otherwise each row of a
 * small model could cost a message between threads.
 */
export class FixedBatchSession implements LaneSession {
  readonly #session: LaneSession;
  readonly #fixed: FixedBatch;

  constructor(session: LaneSession, fixed: FixedBatch) {
    this.#session = session;
    this.#fixed = fixed;
  }

  /**
   * Runs the model on whole fixed batches.
   *
   * @throws {MODEL_FAILED} for all rows, when a run fails or has other output shapes than the first one
   */
  async run(feeds: Tensors, outputs: readonly string[]): Promise<Record<string, TensorData>> {
    const { rows } = this.#fixed;
    const whole = Object.fromEntries(
      Object.entries(feeds).flatMap(([name, tensor]) => {
        const axis = this.#fixed.inputs[name];
        return axis === undefined ? [] : [[name, rowsFirst(tensor, axis)] as const];
      }),
    );
    const [first] = Object.values(whole);
    const allRows = first?.dims[0] ?? rows;
    if (allRows <= rows) return await this.#session.run(feeds, outputs);
    const answers: Tensors[] = [];
    for (let start = 0; start < allRows; start += rows) {
      const own = Object.entries(whole).map(([name, tensor]) => {
        const slice = sliceRows(tensor, start, start + rows);
        return [name, placeBatch(slice, this.#fixed.inputs[name] ?? 0)] as const;
      });
      answers.push(await this.#session.run({ ...feeds, ...Object.fromEntries(own) }, outputs));
    }
    return Object.fromEntries(outputs.map((name) => [name, this.#joined(name, answers)]));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#session[Symbol.asyncDispose]();
  }

  #joined(name: string, answers: readonly Tensors[]): TensorData {
    const axis = this.#fixed.outputs[name] ?? 0;
    const parts = answers.map((answer) => {
      const part = answer[name];
      const first = answers[0]?.[name];
      const isAlike = part?.dtype === first?.dtype && part?.dims.join() === first?.dims.join();
      // The caller then retries smaller batches, which shows whether the model or a row is at fault.
      if (part === undefined || !isAlike || part.dims[axis] !== this.#fixed.rows)
        throw new ShardmillError("MODEL_FAILED", `output ${name} is not the same in all runs of a batch`, {
          fields: { tensor: name },
        });
      return rowsFirst(part, axis);
    });
    return placeBatch(joinRows(parts), axis);
  }
}
