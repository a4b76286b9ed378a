import { type ErrorData, errorFromData } from "../../../shared/core/errors.ts";
import type { ModelFile, ModelFiles } from "../../../shared/domain/job.ts";
import { localPathOf } from "../../../shared/domain/location.ts";
import type { ModelSignature, TensorData } from "../../../shared/domain/tensor.ts";
import { type IsolatedResult, runIsolated } from "../../../shared/onnx/isolated.ts";
import { INSPECT_PROCESSES } from "./inspect-processes.ts";
import type { MadeInput } from "./made-input.ts";
import { type ReadModelOptions, readModelFile } from "./model-file.ts";
import { modelBroke } from "./walk-model.ts";

/** A run of the model after it was read. */
interface RunQuestion {
  readonly inputs: readonly MadeInput[];
  /** Names of the outputs whose shapes are wanted. */
  readonly outputs: readonly string[];
}

/** Sent to the inspecting process. */
export interface InspectQuestion {
  readonly path: string;
  /** Null: the model is only read. */
  readonly run: RunQuestion | null;
}

/** Shape of an output that a run gave. */
export type RanOutput = Pick<TensorData, "dtype" | "dims"> & { readonly name: string };

/** Sent back by it. */
export type InspectAnswer =
  | { readonly kind: "read"; readonly signature: ModelSignature; readonly ran: readonly RanOutput[] }
  | { readonly kind: "failed"; readonly error: ErrorData };

/**
 * Reading tens of gigabytes of weights from a slow shared disk takes minutes; a file that makes the parser
 * loop for ever must still end.
 */
export const INSPECT_LIMIT_MS = 300_000;

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
  { limitMs = INSPECT_LIMIT_MS, ...options }: ReadModelOptions,
): Promise<ModelFile> {
  const file = await readModelFile(path, options);
  const result = await askInspector(file, null, { limitMs, signal: options.signal });
  return { ...file, signature: readSignature(path, result) };
}

type Asked =
  | { readonly kind: "answered"; readonly answer: InspectAnswer }
  | Exclude<IsolatedResult, { readonly kind: "answered" }>;

/** Loads a model in a process of its own, and runs it there where that is asked for. */
export async function askInspector(
  { path, bytes: own, externalData }: ModelFiles,
  run: RunQuestion | null,
  { limitMs, signal }: { readonly limitMs: number; readonly signal: AbortSignal },
): Promise<Asked> {
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

function readSignature(path: string, result: Asked): ModelSignature {
  if (result.kind !== "answered") throw modelBroke(path, result);
  const { answer } = result;
  if (answer.kind === "read") return answer.signature;
  throw errorFromData({ ...answer.error, fields: { ...answer.error.fields, path } });
}
