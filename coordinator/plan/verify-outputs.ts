import { type Problem, ShardmillError } from "../../shared/core/errors.ts";
import type { ModelFile } from "../../shared/domain/job.ts";
import type { MapBinding, OutputBinding } from "../../shared/domain/map-binding.ts";
import {
  areDue,
  dueDims,
  overridesDeclaration,
  shapeHint,
  tensorText,
} from "../../shared/domain/model-output.ts";
import { formatKeyPath } from "../../shared/job-file/key-path.ts";
import { type Ran, runOnce } from "./model/run-once.ts";

/**
 * Runs the model once if the job gives an output another shape than the model declares. The job may be right,
 * or the user made a mistake. A model that fails on made-up rows proves neither, so each batch is then
 * checked while the job runs.
 *
 * @throws {SPEC_INVALID} with every output that has another shape
 */
export async function verifyOutputs(map: MapBinding, model: ModelFile, signal: AbortSignal): Promise<void> {
  const doubted = map.outputs.filter((output) => overridesDeclaration(output, map));
  if (doubted.length === 0) return;
  const names = [...new Set(doubted.map(({ tensor }) => tensor))];
  const run = await runOnce(model, map, names, { signal });
  if (run.kind === "failed") return;
  const problems = doubted.flatMap((output) => misfit(output, run));
  if (problems.length > 0)
    throw new ShardmillError("SPEC_INVALID", "the model gives other shapes than the job says", { problems });
}

function misfit(output: OutputBinding, { ran, outputs }: Ran): readonly Problem[] {
  const { column, tensor, dtype } = output;
  const given = outputs.find(({ name }) => name === tensor);
  const due = dueDims(output, ran);
  if (given?.dtype === dtype && areDue(given.dims, due)) return [];
  return [
    {
      where: formatKeyPath(["map", "outputs", column]),
      what: `the model's output \`${tensor}\` has another shape when it runs`,
      expected: `${tensorText(dtype, due)} for ${ran.rows} rows`,
      found: given === undefined ? "nothing" : tensorText(given.dtype, given.dims),
      hint: shapeHint(given?.dims ?? [], ran.rows),
    },
  ];
}
