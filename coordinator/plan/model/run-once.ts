import type { ModelFiles } from "../../../shared/domain/job.ts";
import type { MapBinding } from "../../../shared/domain/map-binding.ts";
import type { RanShape } from "../../../shared/domain/model-output.ts";
import { whyNoAnswer } from "../../../shared/onnx/isolated.ts";
import { callInspector, INSPECT_LIMIT_MS, type RanOutput } from "./inspect-model.ts";
import { madeInputs, madeLengths } from "./made-input.ts";

/** Rows of a run. Two, so that the outputs' shapes show which dimension is the batch. */
const ROWS = 2;

/** Outputs of a run on made-up rows of the bound shapes. */
export interface Ran {
  readonly kind: "ran";
  readonly ran: RanShape;
  readonly outputs: readonly RanOutput[];
}

type OneRun = Ran | { readonly kind: "failed"; readonly why: string };

type BoundInputs = Pick<MapBinding, "inputs" | "state" | "fixedBatchRows">;

/**
 * Runs a model once on made-up rows, for the shapes of its outputs. The process has limits of time and
 * memory. A model may fail on made-up rows and still be right for real ones.
 *
 * @param outputs names of the outputs whose shapes are wanted
 */
export async function runOnce(
  model: ModelFiles,
  map: BoundInputs,
  outputs: readonly string[],
  { signal, limitMs = INSPECT_LIMIT_MS }: { readonly signal: AbortSignal; readonly limitMs?: number },
): Promise<OneRun> {
  const rows = map.fixedBatchRows ?? ROWS;
  const run = { inputs: madeInputs(map, rows), outputs };
  const result = await callInspector(model, run, { limitMs, signal });
  if (result.kind !== "answered") return { kind: "failed", why: whyNoAnswer(result, { limitMs }) };
  const { answer } = result;
  if (answer.kind === "failed") return { kind: "failed", why: answer.error.message };
  return { kind: "ran", ran: { rows, lengths: madeLengths(map) }, outputs: answer.ran };
}
