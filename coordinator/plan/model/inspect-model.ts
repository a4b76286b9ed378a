import { type ErrorData, errorFromData } from "../../../shared/core/errors.ts";
import type { ModelFile } from "../../../shared/domain/job.ts";
import { localPathOf } from "../../../shared/domain/location.ts";
import type { ModelSignature } from "../../../shared/domain/tensor.ts";
import { type IsolatedResult, runIsolated } from "../../../shared/onnx/isolated.ts";
import { INSPECT_PROCESSES } from "./inspect-processes.ts";
import { type ReadModelOptions, readModelFile } from "./model-file.ts";
import { modelBroke } from "./walk-model.ts";

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
  { limitMs = INSPECT_LIMIT_MS, ...places }: ReadModelOptions = {},
): Promise<ModelFile> {
  const file = await readModelFile(path, signal, places);
  const bytes = file.externalData.reduce((sum, data) => sum + data.bytes, file.bytes);
  const question: InspectQuestion = { path: localPathOf(file.path) };
  const result = await runIsolated({
    processes: INSPECT_PROCESSES,
    argument: question,
    limitMs,
    memoryLimitBytes: MEMORY_BASE_BYTES + MEMORY_PER_BYTE * bytes,
    signal,
  });
  return { ...file, signature: readSignature(path, result) };
}

function readSignature(path: string, result: IsolatedResult): ModelSignature {
  if (result.kind !== "answered") throw modelBroke(path, result);
  const answer = result.value as InspectAnswer;
  if (answer.kind === "read") return answer.signature;
  throw errorFromData({ ...answer.error, fields: { ...answer.error.fields, path } });
}
