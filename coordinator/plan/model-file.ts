import { readdir, stat } from "node:fs/promises";
import { basename, dirname } from "node:path";
import { digestFile } from "../../shared/core/digest.ts";
import { type ErrorData, errorFromData, messageOf, ShardmillError } from "../../shared/core/errors.ts";
import { nearest } from "../../shared/core/nearest.ts";
import { compiledUrl } from "../../shared/core/package-root.ts";
import type { ModelDataFile, ModelFile } from "../../shared/domain/job.ts";
import type { ExternalTensor } from "../../shared/onnx/external-data.ts";
import { type IsolatedResult, runIsolated } from "../../shared/onnx/isolated.ts";
import { findModelData } from "./model-data-files.ts";

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
 * A model's files and their digests: its own, and those that it keeps tensors in.
 *
 * @param path absolute
 * @throws {MODEL_NOT_FOUND} there is no such file; the hint has the nearest name in its folder
 * @throws {MODEL_INVALID} it is no model, or it names files that are not in its folder
 */
export async function readModelFile(
  path: string,
  signal: AbortSignal,
  limits: { readonly limitMs: number } = { limitMs: WALK_LIMIT_MS },
): Promise<Omit<ModelFile, "signature">> {
  await requireFile(path);
  const question: ModelDataQuestion = { path };
  const walking = runIsolated({
    script: compiledUrl("coordinator/plan/model-data-process.ts"),
    argument: question,
    limitMs: limits.limitMs,
    memoryLimitBytes: WALK_MEMORY_BYTES,
    signal,
  });
  const [walked, own] = await Promise.allSettled([walking, digestModel(path, signal)]);
  if (own.status === "rejected") throw own.reason;
  if (walked.status === "rejected") throw walked.reason;
  const externalData: ModelDataFile[] = [];
  for (const { location, path: dataPath } of await findModelData(path, readTensors(path, walked.value))) {
    externalData.push({ location, path: dataPath, ...(await digestModel(dataPath, signal)) });
  }
  return { path, ...own.value, externalData };
}

function readTensors(path: string, result: IsolatedResult): readonly ExternalTensor[] {
  if (result.kind !== "answered") throw modelBroke(path, result);
  const answer = result.value as ModelDataAnswer;
  if (answer.kind === "failed") throw errorFromData(answer.error);
  return answer.tensors;
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

async function requireFile(path: string): Promise<void> {
  const found = await stat(path).catch((error: NodeJS.ErrnoException) => error);
  if (found instanceof Error) {
    if (found.code !== "ENOENT" && found.code !== "ENOTDIR") throw unreadable(path, found);
    throw new ShardmillError("MODEL_NOT_FOUND", `there is no model at ${path}`, {
      fields: { path },
      hint: await nearestFile(path),
      cause: found,
    });
  }
  if (found.isFile()) return;
  throw new ShardmillError("MODEL_INVALID", `${path} is ${found.isDirectory() ? "a folder" : "not a file"}`, {
    fields: { path },
    hint: "name the .onnx file itself",
  });
}

async function digestModel(path: string, signal: AbortSignal): Promise<{ sha256: string; bytes: number }> {
  try {
    return await digestFile(path, signal);
  } catch (error) {
    signal.throwIfAborted();
    throw unreadable(path, error);
  }
}

function unreadable(path: string, cause: unknown): ShardmillError {
  return new ShardmillError("MODEL_NOT_FOUND", `the model cannot be read: ${messageOf(cause)}`, {
    fields: { path },
    cause,
  });
}

async function nearestFile(path: string): Promise<string> {
  const names = await readdir(dirname(path)).catch(() => null);
  if (names === null) return `the folder ${dirname(path)} is not there either`;
  const near = nearest(basename(path), names);
  const models = names.filter((name) => name.endsWith(".onnx")).sort();
  if (near !== undefined) return `did you mean \`${near}\`?`;
  return models.length === 0
    ? `no file in ${dirname(path)} ends in .onnx`
    : `models in ${dirname(path)}: ${models.slice(0, 5).join(", ")}`;
}
