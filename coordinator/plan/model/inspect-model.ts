import { type ErrorData, errorFromData } from "../../../shared/core/errors.ts";
import type { ModelFile, ModelFiles } from "../../../shared/domain/job.ts";
import { localPathOf } from "../../../shared/domain/location.ts";
import type { ModelSignature, TensorData } from "../../../shared/domain/tensor.ts";
import { type IsolatedResult, runIsolated } from "../../../shared/onnx/isolated.ts";
import { INSPECT_PROCESSES } from "./inspect-processes.ts";
import type { MadeInput } from "./made-input.ts";
import { type ReadModelOptions, readModelFile } from "./model-file.ts";
import { modelBroke } from "./walk-model.ts";

/** Request to run the model after its signature is read. */
interface RunQuestion {
  readonly inputs: readonly MadeInput[];
  /** Names of the outputs whose shapes are wanted. */
  readonly outputs: readonly string[];
}

/** Request to the inspecting process. */
export interface InspectQuestion {
  readonly path: string;
  /** Run of the model. Null: only read the signature. */
  readonly run: RunQuestion | null;
}

/** Shape of an output in a run. */
export type RanOutput = Pick<TensorData, "dtype" | "dims"> & { readonly name: string };

/** Reply of the inspecting process. */
export type InspectAnswer =
  | { readonly kind: "read"; readonly signature: ModelSignature; readonly ran: readonly RanOutput[] }
  | { readonly kind: "failed"; readonly error: ErrorData };

/**
 * Time limit for loading a model. Tens of gigabytes from a slow shared disk take minutes. A file on which the
 * parser loops must not block forever.
 */
export const INSPECT_LIMIT_MS = 300_000;

/**
 * Memory limit in bytes of the model's files. ONNX Runtime holds the file, the parsed file, and the weights
 * as tensors. A file that needs more than this and the base describes weights that it does not have.
 */
const MEMORY_PER_BYTE = 3;
const MEMORY_BASE_BYTES = 1 << 30;

/**
 * Reads a model's files, digests and signature. Loads the model in a process of its own, with limits of time
 * and memory. A hostile or corrupt file may crash the native runtime or exhaust memory, and must not end the
 * coordinator.
 *
 * @param path a location, as text
 * @throws {MODEL_NOT_FOUND} when there is no such file. The hint has the nearest name in its folder.
 * @throws {MODEL_INVALID} when it is no model, names files outside its folder, or has unsupported inputs
 * @throws {MODEL_INVALID} when the runtime crashes or hangs on it
 * @throws {OUT_OF_MEMORY} when its weights do not fit into this machine
 */
export async function inspectModel(
  path: string,
  { limitMs = INSPECT_LIMIT_MS, ...options }: ReadModelOptions,
): Promise<ModelFile> {
  const file = await readModelFile(path, options);
  const result = await callInspector(file, null, { limitMs, signal: options.signal });
  return { ...file, signature: readSignature(path, result) };
}

type Requested =
  | { readonly kind: "answered"; readonly answer: InspectAnswer }
  | Exclude<IsolatedResult, { readonly kind: "answered" }>;

/** Loads a model in a process of its own, and runs it there on request. */
export async function callInspector(
  { path, bytes: own, externalData }: ModelFiles,
  run: RunQuestion | null,
  { limitMs, signal }: { readonly limitMs: number; readonly signal: AbortSignal },
): Promise<Requested> {
  const bytes = externalData.reduce((sum, data) => sum + data.bytes, own);
  const question: InspectQuestion = { path: localPathOf(path), run };
  const result = await runIsolated({
    processes: INSPECT_PROCESSES,
    argument: question,
    limitMs,
    memoryLimitBytes: MEMORY_BASE_BYTES + MEMORY_PER_BYTE * bytes,
    signal,
  });
  return result.kind === "answered" ? { kind: "answered", answer: result.value as InspectAnswer } : result;
}

function readSignature(path: string, result: Requested): ModelSignature {
  if (result.kind !== "answered") throw modelBroke(path, result);
  const { answer } = result;
  if (answer.kind === "read") return answer.signature;
  throw errorFromData({ ...answer.error, fields: { ...answer.error.fields, path } });
}
