import { type ErrorData, errorFromData, ShardmillError } from "../../../shared/core/errors.ts";
import { nearest } from "../../../shared/core/nearest.ts";
import { compiledUrl } from "../../../shared/core/package-root.ts";
import { withTempFolder } from "../../../shared/core/temp-folder.ts";
import type { ModelDataFile, ModelFile } from "../../../shared/domain/job.ts";
import {
  folderOf,
  type Location,
  localPathOf,
  nameOf,
  parseLocation,
} from "../../../shared/domain/location.ts";
import { ExternalDataScan, type ExternalTensor } from "../../../shared/onnx/external-data.ts";
import { type IsolatedResult, runIsolated } from "../../../shared/onnx/isolated.ts";
import { reasonOf } from "../../../shared/storage/errors.ts";
import { isOnThisMachine, pathOfFile } from "../../../shared/storage/local-paths.ts";
import { namesIn } from "../../../shared/storage/names-in.ts";
import { type StorageOpeners, Storages } from "../../../shared/storage/open-storage.ts";
import type { Storage } from "../../../shared/storage/storage.ts";
import { digestStored } from "../../../shared/storage/whole-file.ts";
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

export interface ReadModelOptions {
  /** Of other storages than the usual ones. */
  readonly openers?: StorageOpeners;
  /** How long the process that looks at the model may take. */
  readonly limitMs?: number;
}

/**
 * A model's files and their digests: its own, and those that it keeps tensors in.
 *
 * @param modelPath a location, as text
 * @throws {MODEL_NOT_FOUND} there is no such file; the hint has the nearest name in its folder
 * @throws {MODEL_INVALID} it is no model, or it names files that are not in its folder
 */
export async function readModelFile(
  modelPath: string,
  signal: AbortSignal,
  { openers = {}, limitMs = WALK_LIMIT_MS }: ReadModelOptions = {},
): Promise<Omit<ModelFile, "signature">> {
  const path = parseLocation(modelPath);
  await using storages = new Storages(openers);
  const storage = await storages.at(path);
  await requireFile(path, storage);
  const scan = new ExternalDataScan();
  const digestOf = (at: Location, look?: (chunk: Uint8Array) => void) =>
    digestStored(storage, at, signal, look).catch((error: unknown) => {
      signal.throwIfAborted();
      throw unreadable(at, error);
    });
  const own = await digestOf(path, (chunk) => scan.add(chunk));
  const externalData: ModelDataFile[] = [];
  if (!scan.mayHave) return { path, ...own, externalData };
  const tensors = readTensors(path, await walkModel(path, { storage, signal, limitMs }));
  for (const { location, path: dataPath } of await findModelData(path, tensors, storage)) {
    externalData.push({ location, path: dataPath, ...(await digestOf(dataPath)) });
  }
  return { path, ...own, externalData };
}

/** Of a model that is not on this machine a copy is walked. */
async function walkModel(
  path: Location,
  {
    storage,
    signal,
    limitMs,
  }: { readonly storage: Storage; readonly signal: AbortSignal; readonly limitMs: number },
): Promise<IsolatedResult> {
  const walk = (localPath: string) => {
    const question: ModelDataQuestion = { path: localPath };
    return runIsolated({
      script: compiledUrl("coordinator/plan/model/model-data-process.ts"),
      argument: question,
      limitMs,
      memoryLimitBytes: WALK_MEMORY_BYTES,
      signal,
    });
  };
  if (isOnThisMachine(path)) return await walk(localPathOf(path));
  return await withTempFolder("model", async (scratch) =>
    walk(await pathOfFile(path, { storage, scratch, signal })),
  );
}

function readTensors(path: string, result: IsolatedResult): readonly ExternalTensor[] {
  if (result.kind !== "answered") throw modelBroke(path, result);
  const answer = result.value as ModelDataAnswer;
  if (answer.kind === "failed")
    throw errorFromData({ ...answer.error, fields: { ...answer.error.fields, path } });
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

async function requireFile(path: Location, storage: Storage): Promise<void> {
  const kind = await storage.kindAt(path).catch((error: unknown) => {
    throw unreadable(path, error);
  });
  if (kind === "file") return;
  if (kind === null) {
    throw new ShardmillError("MODEL_NOT_FOUND", `there is no model at ${path}`, {
      fields: { path },
      hint: await nearestFile(path, storage),
    });
  }
  throw new ShardmillError("MODEL_INVALID", `${path} is ${kind === "folder" ? "a folder" : "not a file"}`, {
    fields: { path },
    hint: "name the .onnx file itself",
  });
}

function unreadable(path: Location, cause: unknown): ShardmillError {
  return new ShardmillError("MODEL_NOT_FOUND", `the model cannot be read: ${reasonOf(cause)}`, {
    fields: { path },
    cause,
  });
}

async function nearestFile(path: Location, storage: Storage): Promise<string> {
  const folder = folderOf(path);
  const names = await namesIn(folder, storage);
  if (names === null) return `the folder ${folder} is not there either`;
  const near = nearest(nameOf(path), names);
  const models = names.filter((name) => name.endsWith(".onnx")).sort();
  if (near !== undefined) return `did you mean \`${near}\`?`;
  return models.length === 0
    ? `no file in ${folder} ends in .onnx`
    : `models in ${folder}: ${models.slice(0, 5).join(", ")}`;
}
