import { ShardmillError } from "../../shared/core/errors.ts";
import type { MapBinding } from "../../shared/domain/map-binding.ts";
import type { TensorData } from "../../shared/domain/tensor.ts";
import type { LaneSession } from "../../shared/onnx/session.ts";
import { placeBatch, rowsFirst } from "../tensorize/batch-axis.ts";
import { joinRows, sliceRows } from "../tensorize/tensor-rows.ts";

type Tensors = Readonly<Record<string, TensorData>>;

/** Rows of one run, with the batch axis of each tensor that has rows. */
export interface BatchRuns {
  readonly rows: number;
  /** Batch axis by input. Inputs that are equal for all rows are not listed. */
  readonly inputs: Readonly<Record<string, number>>;
  readonly outputs: Readonly<Record<string, number>>;
}

/** Returns runs of `rows` rows. */
export function runsOf({ inputs, outputs, state = [] }: MapBinding, rows: number): BatchRuns {
  const ofRows = inputs.filter(({ rowShape }) => rowShape.kind !== "none");
  return {
    rows,
    inputs: Object.fromEntries([...ofRows, ...state].map(({ tensor, batchAxis }) => [tensor, batchAxis])),
    outputs: Object.fromEntries([
      ...outputs.map(({ tensor, batchAxis }) => [tensor, batchAxis ?? 0]),
      ...state.map(({ output, batchAxis }) => [output, batchAxis]),
    ]),
  };
}

/**
 * Runs a batch in several runs, one after another. The last one may have fewer rows. Otherwise each run of a
 * small model would cost a message between threads.
 *
 * @throws {MODEL_FAILED} for all rows, when a run fails or has other output shapes than the first one
 */
export async function runInTurn(
  session: Pick<LaneSession, "run">,
  runs: BatchRuns,
  feeds: Tensors,
  outputs: readonly string[],
): Promise<Record<string, TensorData>> {
  const whole = Object.entries(feeds).flatMap(([name, tensor]) => {
    const axis = runs.inputs[name];
    return axis === undefined ? [] : [{ name, axis, tensor: rowsFirst(tensor, axis) }];
  });
  const allRows = whole[0]?.tensor.dims[0] ?? runs.rows;
  const answers: Answer[] = [];
  for (let start = 0; start < allRows; start += runs.rows) {
    const end = Math.min(start + runs.rows, allRows);
    const own = whole.map(({ name, axis, tensor }) => {
      return [name, placeBatch(sliceRows(tensor, start, end), axis)] as const;
    });
    const tensors = await session.run({ ...feeds, ...Object.fromEntries(own) }, outputs);
    answers.push({ rows: end - start, tensors });
  }
  return Object.fromEntries(
    outputs.map((name) => [name, joinAnswers(name, runs.outputs[name] ?? 0, answers)]),
  );
}

/** Outputs of one run. */
interface Answer {
  readonly rows: number;
  readonly tensors: Tensors;
}

function joinAnswers(name: string, axis: number, answers: readonly Answer[]): TensorData {
  const first = answers[0]?.tensors[name];
  const shapeOf = (tensor: TensorData | undefined) => tensor?.dims.toSpliced(axis, 1).join();
  const parts = answers.map(({ rows, tensors }) => {
    const part = tensors[name];
    const isAlike = part?.dtype === first?.dtype && shapeOf(part) === shapeOf(first);
    // The caller then retries smaller batches, which shows whether the model or a row is at fault.
    if (part === undefined || !isAlike || part.dims[axis] !== rows)
      throw new ShardmillError("MODEL_FAILED", `output ${name} is not the same in all runs of a batch`, {
        fields: { tensor: name },
      });
    return rowsFirst(part, axis);
  });
  return placeBatch(joinRows(parts), axis);
}
