import { NEVER } from "../../../shared/core/abort.ts";
import { isShardmillError, ShardmillError } from "../../../shared/core/errors.ts";
import { nearest } from "../../../shared/core/nearest.ts";
import type { ModelDataFile, ModelFiles } from "../../../shared/domain/job.ts";
import { type JobStores, NO_STORES } from "../../../shared/domain/job-stores.ts";
import { folderOf, type Location, nameOf, parseLocation } from "../../../shared/domain/location.ts";
import { ExternalDataScan } from "../../../shared/onnx/external-data.ts";
import { reasonOf } from "../../../shared/storage/errors.ts";
import type { FetchProgress } from "../../../shared/storage/fetch-progress.ts";
import { isOnThisMachine } from "../../../shared/storage/local-paths.ts";
import { namesIn } from "../../../shared/storage/names-in.ts";
import { type StorageOpeners, Storages } from "../../../shared/storage/open-storage.ts";
import type { Storage } from "../../../shared/storage/storage.ts";
import { digestStored } from "../../../shared/storage/whole-file.ts";
import { fetchModel } from "./fetch-model.ts";
import { findModelData } from "./model-data-files.ts";
import { walkModel } from "./walk-model.ts";

export interface ReadModelOptions {
  /** Settings of the job's stores. Default: none. */
  readonly stores?: JobStores;
  /** Openers of additional storages. */
  readonly openers?: StorageOpeners;
  /** Time limit of the process that reads the model. */
  readonly limitMs?: number;
  /** Progress of the fetch, updated on the way. */
  readonly progress?: FetchProgress | undefined;
  readonly signal: AbortSignal;
}

/**
 * Reads the files of a model and their digests: its own file and its external data files. A model in a store
 * is fetched first, and the result names the copies.
 *
 * @param modelPath a location, as text
 * @throws {MODEL_NOT_FOUND} when there is no such file. The hint has the nearest name in its folder.
 * @throws {MODEL_INVALID} when it is no model, or names files that are not in its folder
 * @throws {MODEL_CHANGED} when it is replaced while it is fetched
 */
export async function readModelFile(
  modelPath: string,
  { stores = NO_STORES, openers = {}, limitMs, progress, signal }: ReadModelOptions,
): Promise<ModelFiles> {
  const path = parseLocation(modelPath);
  const known = { ...stores, addresses: { ...stores.addresses } };
  await using storages = new Storages(openers, known);
  const storage = await storages.at(path).catch((error: unknown) => {
    throw unreadable(path, error);
  });
  await requireFile(path, storage, signal);
  const options = { storage, stores: known, signal, limitMs };
  if (isOnThisMachine(path)) return await readHere(path, options);
  return await fetchModel(path, { ...options, progress }).catch((error: unknown) => {
    signal.throwIfAborted();
    throw isShardmillError(error) && error.code.startsWith("STORE_") ? unreadable(path, error) : error;
  });
}

async function readHere(
  path: Location,
  {
    storage,
    ...options
  }: { readonly storage: Storage; readonly signal: AbortSignal; readonly limitMs: number | undefined },
): Promise<ModelFiles> {
  const { signal } = options;
  const scan = new ExternalDataScan();
  const digestOf = (at: Location, look?: (chunk: Uint8Array) => void) =>
    digestStored(storage, at, { look, signal }).catch((error: unknown) => {
      signal.throwIfAborted();
      throw unreadable(at, error);
    });
  const own = await digestOf(path, (chunk) => scan.add(chunk));
  const externalData: ModelDataFile[] = [];
  if (!scan.mayHave) return { path, ...own, externalData };
  const tensors = await walkModel(path, path, options);
  for (const { location, path: dataPath } of await findModelData(path, tensors, storage)) {
    externalData.push({ location, path: dataPath, ...(await digestOf(dataPath)) });
  }
  return { path, ...own, externalData };
}

async function requireFile(path: Location, storage: Storage, signal: AbortSignal): Promise<void> {
  const kind = await storage.kindAt(path, signal).catch((error: unknown) => {
    signal.throwIfAborted();
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
  const hint = isShardmillError(cause) ? cause.hint : undefined;
  return new ShardmillError("MODEL_NOT_FOUND", `the model cannot be read: ${reasonOf(cause)}`, {
    fields: { path },
    ...(hint === undefined ? {} : { hint }),
    cause,
  });
}

async function nearestFile(path: Location, storage: Storage): Promise<string> {
  if (!storage.can.list)
    return "a web server lists no folders: name the .onnx file itself, or its folder with `model.file`";
  const folder = folderOf(path);
  const names = await namesIn(folder, storage, { signal: NEVER });
  if (names === null) return `the folder ${folder} is not there either`;
  const near = nearest(nameOf(path), names);
  const models = names.filter((name) => name.endsWith(".onnx")).sort();
  if (near !== undefined) return `did you mean \`${near}\`?`;
  return models.length === 0
    ? `no file in ${folder} ends in .onnx`
    : `models in ${folder}: ${models.slice(0, 5).join(", ")}`;
}
