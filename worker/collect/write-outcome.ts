import type { MapBinding } from "../../shared/domain/map-binding.ts";
import { rowsRun } from "../batch/batch.ts";
import type { BatchOutcome } from "../batch/batch-runner.ts";
import type { Placement } from "./output-column.ts";
import { checkTensor, type OutputWriter } from "./output-writer.ts";

/**
 * Writes the outputs of a batch to the columns of a map, and marks its rows as done. A row that the model
 * fails on becomes a dead letter of its chunk.
 *
 * @param writers one for each output of the map
 * @throws {MODEL_SHAPE} when a tensor's shape differs from the plan
 */
export function writeOutcome(
  outcome: BatchOutcome,
  map: Pick<MapBinding, "outputs" | "state" | "fixedBatchRows">,
  writers: readonly OutputWriter[],
): void {
  const { batch } = outcome;
  if (outcome.kind === "failed") {
    for (const { chunk, start } of batch.pieces) {
      chunk.deadLetter(start, { stage: "infer", code: "ROW_FAILED", message: outcome.message });
      if (map.state !== undefined) chunk.doneSkipped(start);
    }
    return;
  }
  const rows = rowsRun(batch.rows, map);
  let tensorRow = 0;
  const placements = batch.pieces.map(({ chunk, start, end }): Placement => {
    const placement = { tensorRow, rows: end - start, place: chunk.place + start };
    tensorRow += end - start;
    return placement;
  });
  map.outputs.forEach((binding, index) => {
    const tensor = checkTensor(outcome.outputs, binding, { rows, lengths: batch.lengths });
    writers[index]?.write(tensor, placements, outcome.outputs);
  });
  for (const { chunk, start, end } of batch.pieces) chunk.doneMapped(end - start);
}
