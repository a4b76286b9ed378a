import { dirname } from "node:path/posix";
import { isShardmillError, type Problem, ShardmillError } from "../../../shared/core/errors.ts";
import { formatBytes } from "../../../shared/core/units.ts";
import { FOLDER_PARTS, INPUT_FILE_KEYS, loadFolderReaders } from "../../../shared/domain/features.ts";
import { type JobStores, NO_STORES } from "../../../shared/domain/job-stores.ts";
import {
  below,
  isPlainAddress,
  isWebInput,
  type Location,
  parseLocation,
} from "../../../shared/domain/location.ts";
import type { ModelFolder } from "../../../shared/domain/model-folder.ts";
import { isInsideLocation } from "../../../shared/domain/model-location.ts";
import { isPlaceError, reasonOf } from "../../../shared/storage/errors.ts";
import { type StorageOpeners, Storages } from "../../../shared/storage/open-storage.ts";
import type { Storage } from "../../../shared/storage/storage.ts";
import { readText } from "../../../shared/storage/whole-file.ts";
import { findModel, ONNX_FOLDER } from "./find-model.ts";
import { readFacts, SETTINGS_FILES } from "./read-facts.ts";

/** Files that are not read here, but whose presence is a fact. */
const SEEN_FILES = FOLDER_PARTS.flatMap(({ folder }) => folder?.sees ?? []);

/** Size limit of a settings file. The names of 20,000 classes are below a megabyte. */
const MAX_SETTINGS_BYTES = 8 << 20;

interface FolderOptions {
  /** Settings of the job's stores. Default: none. */
  readonly stores?: JobStores;
  /** Openers of additional storages. */
  readonly openers?: StorageOpeners;
  readonly signal: AbortSignal;
}

/** Place of the model in a job file. */
interface ModelPlace {
  readonly path: string;
  readonly file?: string;
}

/**
 * Reads the files and facts of a model's folder. Null: the job names a model file, so other files are not
 * read, or it has no model.
 *
 * @throws {MODEL_NOT_FOUND} when the folder cannot be listed, or has not the model file
 * @throws {MODEL_INVALID} with all files that cannot be understood
 */
export async function readModelFolder(
  place: ModelPlace | undefined,
  { stores = NO_STORES, openers = {}, signal }: FolderOptions,
): Promise<ModelFolder | null> {
  if (place === undefined) return null;
  const { path: text, file: requested } = place;
  const path = parseLocation(text);
  if (isWebInput(path) && requested === undefined) return null;
  await using storages = new Storages(openers, stores);
  const storage = await storages.at(path);
  // A missing or unreadable path is reported when it is opened as a file.
  const kind = isWebInput(path) ? "folder" : await storage.kindAt(path, signal).catch(() => null);
  if (kind !== "folder") {
    if (requested === undefined || kind === null) return null;
    throw badFile(path, `${path} is a file, so it cannot contain ${requested}`, "remove `model.file`");
  }
  if (requested !== undefined && !isInsideLocation(requested)) {
    throw badFile(path, `model.file points outside the folder: ${requested}`, "name a file below the folder");
  }
  if (isWebInput(path) && (!isPlainAddress(path) || Object.hasOwn(stores.addresses, path)))
    throw secretFolder(path);
  const names = await namesOf(path, { requested, storage, signal }).catch((error: unknown) => {
    signal.throwIfAborted();
    throw isPlaceError(error) ? cannotList(path, error) : error;
  });
  const file = findModel(path, names, requested);
  const texts = await readSettings(path, { names, storage, signal });
  const found = readFacts(texts, (name) => names.includes(name), await loadFolderReaders());
  if (found.kind === "unreadable") throw unreadable(path, found.problems);
  return {
    path,
    file,
    otherFiles: names.filter((name) => name.endsWith(".onnx") && name !== file).sort(),
    read: [...texts.keys(), ...SEEN_FILES.filter((name) => names.includes(name))],
    ...found.said,
  };
}

/** Returns the path of a job's ONNX file. */
export function modelPathOf({ path }: ModelPlace, folder: ModelFolder | null): string {
  return folder === null ? path : below(folder.path, folder.file);
}

interface Looking {
  readonly storage: Storage;
  readonly signal: AbortSignal;
}

/**
 * Returns the names of files in the folder and in its listed subfolders, and the file that the job names. If
 * the storage cannot list, returns the needed names that exist.
 */
async function namesOf(
  folder: Location,
  { requested, storage, signal }: Looking & { readonly requested: string | undefined },
): Promise<readonly string[]> {
  const isThere = (name: string) => isFileOf(folder, name, { storage, signal });
  const named = requested === undefined ? [] : [requested];
  if (!storage.can.list) {
    const wanted = [...named, ...SEEN_FILES, ...SETTINGS_FILES];
    const there = await Promise.all(wanted.map(isThere));
    return wanted.filter((_, index) => there[index]);
  }
  const found = await Promise.all(
    LISTED_FOLDERS.map(async (name) => {
      const names = await listed(name === "" ? folder : below(folder, name), { storage, signal });
      return name === "" ? names : names.map((each) => `${name}/${each}`);
    }),
  );
  const names = found.flat();
  const deeper = named.filter((name) => !names.includes(name));
  const there = await Promise.all(deeper.map(isThere));
  return [...names, ...deeper.filter((_, index) => there[index])];
}

/** Listed folders: the folder itself, the ONNX folder, and those of settings files. */
const LISTED_FOLDERS = [
  "",
  ONNX_FOLDER,
  ...SETTINGS_FILES.flatMap((name) => (name.includes("/") ? [dirname(name)] : [])),
];

async function listed(folder: Location, { storage, signal }: Looking): Promise<readonly string[]> {
  const names: string[] = [];
  try {
    for await (const page of storage.list(folder, { signal })) names.push(...page.map(({ name }) => name));
  } catch (error) {
    if (!isShardmillError(error, "STORE_NOT_FOUND")) throw error;
  }
  return names;
}

/** Checks whether a file exists. A server may refuse a missing file instead of reporting it as missing. */
async function isFileOf(folder: Location, name: string, { storage, signal }: Looking): Promise<boolean> {
  try {
    return (await storage.kindAt(below(folder, name), signal)) === "file";
  } catch (error) {
    const isSaid = isShardmillError(error, "STORE_REFUSED") && typeof error.fields.status === "number";
    if (isSaid && !storage.can.list) return false;
    throw error;
  }
}

async function readSettings(
  folder: Location,
  { names, ...looking }: Looking & { readonly names: readonly string[] },
): Promise<ReadonlyMap<string, string>> {
  const { storage, signal } = looking;
  const texts = new Map<string, string>();
  const problems: Problem[] = [];
  for (const name of SETTINGS_FILES.filter((each) => names.includes(each))) {
    const path = below(folder, name);
    // A folder may have the name of a settings file.
    if (!(await isFileOf(folder, name, looking))) continue;
    const read = await readSettingsFile(path, storage, signal).catch((error: unknown): Problem => {
      signal.throwIfAborted();
      return { where: name, what: `the file cannot be read: ${reasonOf(error)}` };
    });
    if (typeof read === "string") texts.set(name, read);
    else problems.push({ ...read, where: name });
  }
  if (problems.length > 0) throw unreadable(folder, problems);
  return texts;
}

async function readSettingsFile(
  path: Location,
  storage: Storage,
  signal: AbortSignal,
): Promise<string | Omit<Problem, "where">> {
  const { bytes } = await storage.stat(path, signal);
  if (bytes <= MAX_SETTINGS_BYTES) return await readText(storage, path, signal);
  const expected = `at most ${formatBytes(MAX_SETTINGS_BYTES)}`;
  return { what: "the file is too big for settings", expected, found: formatBytes(bytes) };
}

function unreadable(path: Location, problems: readonly Problem[]): ShardmillError {
  const files = problems.length === 1 ? "a file" : `${problems.length} files`;
  return new ShardmillError("MODEL_INVALID", `${files} of the model's folder cannot be read`, {
    fields: { path },
    problems,
    hint: "fix or remove each named file, or name the ONNX file itself in `model.path`: then only that is read",
  });
}

function badFile(path: Location, message: string, hint: string): ShardmillError {
  return new ShardmillError("MODEL_INVALID", message, { fields: { path }, hint });
}

function cannotList(path: Location, cause: unknown): ShardmillError {
  const hint = isShardmillError(cause) ? cause.hint : undefined;
  return new ShardmillError("MODEL_NOT_FOUND", `the model's folder cannot be listed: ${reasonOf(cause)}`, {
    fields: { path },
    ...(hint === undefined ? {} : { hint }),
    cause,
  });
}

function secretFolder(path: Location): ShardmillError {
  const what = `the model's folder ${path} has a query, a name or a password in its address`;
  const others = INPUT_FILE_KEYS.map((key) => `, and the ${key} with \`${key}\``);
  return badFile(path, what, `name the ONNX file itself${others.join("")}`);
}
