import { type ErrorData, errorFromData, ShardmillError } from "../../../shared/core/errors.ts";
import { compiledUrl } from "../../../shared/core/package-root.ts";
import { type Location, localPathOf } from "../../../shared/domain/location.ts";
import type { ExternalTensor } from "../../../shared/onnx/external-data.ts";
import { type IsolatedResult, runIsolated } from "../../../shared/onnx/isolated.ts";

/** Request to the process that walks a model. */
export interface ModelDataQuestion {
  readonly path: string;
}

/** Reply of the process that walks a model. */
export type ModelDataAnswer =
  | { readonly kind: "read"; readonly tensors: readonly ExternalTensor[] }
  | { readonly kind: "failed"; readonly error: ErrorData };

/**
 * Limits of the walk. It reads names and lengths, but no weights. Protobuf limits the model's own file to two
 * gigabytes.
 */
const WALK_LIMIT_MS = 120_000;
const WALK_MEMORY_BYTES = 1 << 30;

/**
 * Returns the tensors that a model keeps in other files.
 *
 * @param named location of the model, for errors
 * @throws {MODEL_INVALID} when it is no model, or its reader crashes or hangs on it
 */
export async function walkModel(
  local: Location,
  named: Location,
  {
    signal,
    limitMs = WALK_LIMIT_MS,
  }: { readonly signal: AbortSignal; readonly limitMs?: number | undefined },
): Promise<readonly ExternalTensor[]> {
  const question: ModelDataQuestion = { path: localPathOf(local) };
  const result = await runIsolated({
    script: compiledUrl("coordinator/plan/model/model-data-process.ts"),
    argument: question,
    limitMs,
    memoryLimitBytes: WALK_MEMORY_BYTES,
    signal,
  });
  if (result.kind !== "answered") throw modelBroke(named, result);
  const answer = result.value as ModelDataAnswer;
  if (answer.kind === "read") return answer.tensors;
  throw errorFromData({ ...answer.error, fields: { ...answer.error.fields, path: named } });
}

/** Returns the error of a model on which its reader crashed, or exceeded a limit. */
export function modelBroke(
  path: string,
  result: Exclude<IsolatedResult, { kind: "answered" }>,
): ShardmillError {
  const what = {
    crashed: () => `its reader crashed on it (${result.kind === "crashed" ? result.how : ""})`,
    timedOut: () => "it was not loaded in time",
    overMemory: () => "loading it takes far more memory than its files have bytes",
  }[result.kind]();
  return new ShardmillError("MODEL_INVALID", `the model cannot be loaded: ${what}`, {
    fields: { path },
    hint: "check the model with onnx.checker, and that this machine has memory for its weights",
  });
}
