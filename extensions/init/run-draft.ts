import { type Ran, runOnce } from "../../coordinator/plan/model/run-once.ts";
import type { ModelFile } from "../../shared/domain/job.ts";
import { draftInputs } from "./draft-inputs.ts";
import { type DraftContext, tryBind } from "./try-bind.ts";

/** Time limit. A draft without output sizes is better than a longer wait. */
const LIMIT_MS = 60_000;

/**
 * Runs the model once on synthetic rows of the drafted inputs, to get undeclared output sizes. Null: the
 * inputs do not fit, rows are uneven, or the model fails.
 */
export async function runDraft(
  context: DraftContext,
  model: ModelFile,
  signal: AbortSignal,
): Promise<Ran | null> {
  const { signature } = context;
  const { inputs, states } = draftInputs(context);
  const map = {
    inputs: Object.fromEntries(inputs.map(({ tensor, keys }) => [tensor.name, keys])),
    ...(states.length === 0
      ? {}
      : { state: Object.fromEntries(states.map(({ input, output }) => [input.name, output])) }),
  };
  const ofStates = signature.outputs.filter(({ name }) => states.some(({ output }) => output === name));
  const tried = tryBind(map, { ...context, signature: { ...signature, outputs: ofStates, unusable: [] } });
  if (tried.kind === "misfit") return null;
  const names = signature.outputs.map(({ name }) => name);
  const run = await runOnce(model, tried.binding, names, { signal, limitMs: LIMIT_MS });
  return run.kind === "ran" && run.ran.lengths?.length === 0 ? run : null;
}
