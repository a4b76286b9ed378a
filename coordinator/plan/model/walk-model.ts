import { type ErrorData, errorFromData, ShardmillError } from "../../../shared/core/errors.ts";
import { compiledUrl } from "../../../shared/core/package-root.ts";
import { type Location, localPathOf } from "../../../shared/domain/location.ts";
import type { ExternalTensor } from "../../../shared/onnx/external-data.ts";
import { type IsolatedResult, runIsolated } from "../../../shared/onnx/isolated.ts";

/** Sent to the process that walks a model. */
export interface ModelDataQuestion {
  readonly path: string;
}

/** Sent back by it. */
export type ModelDataAnswer =
  | { readonly kind: "read"; readonly tensors: readonly ExternalTensor[] }
  | { readonly kind: "failed"; readonly error: ErrorData };

/**
 * Names and lengths are read, no weights: a model's own file has two gigabytes at most, by protobuf's rule.
 */
const WALK_LIMIT_MS = 120_000;
const WALK_MEMORY_BYTES = 1 << 30;

/**
 * The tensors that a model keeps in other files.
 *
 * @param named what errors call it
 * @throws {MODEL_INVALID} it is no model, or its reader crashed or hung on it
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

/** A process that looked at the model came to no answer. */
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
