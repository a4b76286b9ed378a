import { type ErrorData, errorFromData } from "../../../shared/core/errors.ts";
import type { ModelFile } from "../../../shared/domain/job.ts";
import { type Location, localPathOf } from "../../../shared/domain/location.ts";
import type { ModelSignature } from "../../../shared/domain/tensor.ts";
import { type IsolatedResult, runIsolated } from "../../../shared/onnx/isolated.ts";
import { INSPECT_PROCESSES } from "./inspect-processes.ts";
import { withLocalModel } from "./local-model.ts";
import { modelBroke, type ReadModelOptions, readModelFile } from "./model-file.ts";

/** Sent to the inspecting process. */
export interface InspectQuestion {
  readonly path: string;
}

/** Sent back by it. */
export type InspectAnswer =
  | { readonly kind: "read"; readonly signature: ModelSignature }
  | { readonly kind: "failed"; readonly error: ErrorData };

/**
 * Reading tens of gigabytes of weights from a slow shared disk takes minutes; a file that makes the parser
 * loop for ever must still end.
 */
const INSPECT_LIMIT_MS = 300_000;

/**
 * ONNX Runtime holds a model's file, what it parsed from it, and the weights as tensors: three times its
 * bytes. A small file that becomes more than this on top describes weights that it does not have.
 */
const MEMORY_PER_BYTE = 3;
const MEMORY_BASE_BYTES = 1 << 30;

/**
 * The model's files, digests and signature. The model is loaded in a process of its own, with a limit of time
 * and memory: a hostile or corrupt file may crash the native runtime or make it eat the machine, and must not
 * take the coordinator along.
 *
 * @param path a location, as text
 * @throws {MODEL_NOT_FOUND} there is no such file; the hint has the nearest name in its folder
 * @throws {MODEL_INVALID} it is no model, names files outside its folder, has inputs that cannot be fed, or
 * the runtime crashed or hung on it
 * @throws {OUT_OF_MEMORY} its weights do not fit here
 */
export async function inspectModel(
  path: string,
  signal: AbortSignal,
  { openers = {}, limitMs = INSPECT_LIMIT_MS }: ReadModelOptions = {},
): Promise<ModelFile> {
  const file = await readModelFile(path, signal, { openers });
  const bytes = file.externalData.reduce((sum, data) => sum + data.bytes, file.bytes);
  const inspect = (local: { readonly path: Location }) => {
    const question: InspectQuestion = { path: localPathOf(local.path) };
    return runIsolated({
      processes: INSPECT_PROCESSES,
      argument: question,
      limitMs,
      memoryLimitBytes: MEMORY_BASE_BYTES + MEMORY_PER_BYTE * bytes,
      signal,
    });
  };
  const result = await withLocalModel(file, inspect, openers);
  return { ...file, signature: readSignature(path, result) };
}

function readSignature(path: string, result: IsolatedResult): ModelSignature {
  if (result.kind !== "answered") throw modelBroke(path, result);
  const answer = result.value as InspectAnswer;
  if (answer.kind === "read") return answer.signature;
  throw errorFromData({ ...answer.error, fields: { ...answer.error.fields, path } });
}
