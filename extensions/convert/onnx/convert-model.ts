import { type ErrorData, errorFromData, ShardmillError } from "../../../shared/core/errors.ts";
import { compiledUrl } from "../../../shared/core/package-root.ts";
import type { ModelFile } from "../../../shared/domain/job.ts";
import { runIsolated } from "../../../shared/onnx/isolated.ts";
import type { ConvertedFile } from "./convert-file.ts";
import type { ConvertedPrecision } from "./precision.ts";

/** Question to the converting process. */
export interface ConvertQuestion {
  readonly path: string;
  readonly precision: ConvertedPrecision;
  readonly output: string;
}

/** Reply of the converting process. */
export type ConvertAnswer =
  | { readonly kind: "converted"; readonly file: ConvertedFile }
  | { readonly kind: "failed"; readonly error: ErrorData };

/** Time limit. Some hundred million weights are converted in a second, but a slow disk takes longer. */
const CONVERT_LIMIT_MS = 900_000;

/**
 * Memory per byte of the model: the file, the weights before and after, and the new file. As much again may
 * wait for garbage collection.
 */
const MEMORY_PER_BYTE = 6;
const MEMORY_BASE_BYTES = 1 << 30;

/**
 * Converts a model into one new file, in a separate process with limits of time and memory.
 *
 * @param options.model model from `readModelFile`, which checks its external data
 * @param options.output absolute path. An existing file is replaced. After an error it may be incomplete.
 * @throws {MODEL_INVALID} when the model is not whole, has nothing to convert, or its reader crashed or hung
 */
export async function convertModel(options: {
  readonly model: Pick<ModelFile, "path" | "bytes" | "externalData">;
  readonly precision: ConvertedPrecision;
  readonly output: string;
  readonly signal: AbortSignal;
}): Promise<ConvertedFile> {
  const { model, precision, output, signal } = options;
  const { path } = model;
  const question: ConvertQuestion = { path, precision, output };
  const bytes = model.externalData.reduce((sum, data) => sum + data.bytes, model.bytes);
  const result = await runIsolated({
    script: compiledUrl("extensions/convert/onnx/convert-process.ts"),
    argument: question,
    limitMs: CONVERT_LIMIT_MS,
    memoryLimitBytes: MEMORY_BASE_BYTES + MEMORY_PER_BYTE * bytes,
    signal,
  });
  if (result.kind === "answered") {
    const answer = result.value as ConvertAnswer;
    if (answer.kind === "converted") return answer.file;
    throw errorFromData({ ...answer.error, fields: { path, ...answer.error.fields } });
  }
  const what = {
    crashed: "the converter crashed",
    timedOut: "the conversion did not finish in time",
    overMemory: "the conversion needs far more memory than the size of its files",
  }[result.kind];
  throw new ShardmillError("MODEL_INVALID", `the model cannot be converted: ${what}`, {
    fields: { path, precision },
    hint: "check the model with onnx.checker, and that this machine has memory for its weights",
  });
}
