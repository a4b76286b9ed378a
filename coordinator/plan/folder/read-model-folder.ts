import { type Problem, ShardmillError } from "../../../shared/core/errors.ts";
import { formatBytes } from "../../../shared/core/units.ts";
import { below, type Location, parseLocation } from "../../../shared/domain/location.ts";
import type { ModelFolder } from "../../../shared/domain/model-folder.ts";
import { isInsideLocation } from "../../../shared/domain/model-location.ts";
import { reasonOf } from "../../../shared/storage/errors.ts";
import { namesIn } from "../../../shared/storage/names-in.ts";
import { type StorageOpeners, Storages } from "../../../shared/storage/open-storage.ts";
import type { Storage } from "../../../shared/storage/storage.ts";
import { readText } from "../../../shared/storage/whole-file.ts";
import { findModel, ONNX_FOLDER } from "./find-model.ts";
import { readFacts, SETTINGS_FILES, TOKENIZER_FILE } from "./read-facts.ts";

/** Settings are a page of text; the names of 20,000 classes are below a megabyte. */
const MAX_SETTINGS_BYTES = 8 << 20;

/** What a job file says of its model's place. */
interface ModelPlace {
  readonly path: string;
  readonly file?: string;
}

/**
 * What the folder of a model holds and says; null where the job names a file: nothing beside it is read.
 *
 * @throws {MODEL_NOT_FOUND} {MODEL_INVALID} with all files that cannot be understood
 */
export async function readModelFolder(
  { path: text, file: asked }: ModelPlace,
  signal: AbortSignal,
  openers: StorageOpeners = {},
): Promise<ModelFolder | null> {
  const path = parseLocation(text);
  await using storages = new Storages(openers);
  const storage = await storages.at(path);
  // What is not there, or cannot be looked at, is told when it is opened as a file.
  const kind = await storage.kindAt(path, signal).catch(() => null);
  if (kind !== "folder") {
    if (asked === undefined || kind === null) return null;
    throw badFile(path, `${path} is a file, in which there is no ${asked}`, "leave out `model.file`");
  }
  if (asked !== undefined && !isInsideLocation(asked)) {
    throw badFile(path, `model.file leads out of the folder: ${asked}`, "name a file below the folder");
  }
  const names = await filesOf(path, storage);
  const file = findModel(
    path,
    asked === undefined ? names : [...names, ...(await ifThere(path, asked, storage))],
    asked,
  );
  const texts = await readSettings(path, storage, signal);
  const hasTokenizer = names.includes(TOKENIZER_FILE);
  const found = readFacts(texts, hasTokenizer);
  if (found.kind === "unreadable") throw unreadable(path, found.problems);
  return {
    path,
    file,
    otherFiles: names.filter((name) => name.endsWith(".onnx") && name !== file).sort(),
    read: [...texts.keys(), ...(hasTokenizer ? [TOKENIZER_FILE] : [])],
    ...found.said,
  };
}

/** The ONNX file of a job. */
export function modelPathOf({ path }: ModelPlace, folder: ModelFolder | null): string {
  return folder === null ? path : below(folder.path, folder.file);
}

/** The names in the folder, and in its folder for ONNX files. */
async function filesOf(folder: Location, storage: Storage): Promise<readonly string[]> {
  const [own, onnx] = await Promise.all([
    namesIn(folder, storage),
    namesIn(below(folder, ONNX_FOLDER), storage),
  ]);
  return [...(own ?? []), ...(onnx ?? []).map((name) => `${ONNX_FOLDER}/${name}`)];
}

/** A file further down, which is not listed. */
async function ifThere(folder: Location, name: string, storage: Storage): Promise<readonly string[]> {
  return (await storage.kindAt(below(folder, name)).catch(() => null)) === "file" ? [name] : [];
}

async function readSettings(
  folder: Location,
  storage: Storage,
  signal: AbortSignal,
): Promise<ReadonlyMap<string, string>> {
  const texts = new Map<string, string>();
  const problems: Problem[] = [];
  for (const name of SETTINGS_FILES) {
    const path = below(folder, name);
    if ((await storage.kindAt(path, signal).catch(() => null)) !== "file") continue;
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
    hint: "mend or remove it, or let `model.path` name the ONNX file itself: then nothing beside it is read",
  });
}

function badFile(path: Location, message: string, hint: string): ShardmillError {
  return new ShardmillError("MODEL_INVALID", message, { fields: { path }, hint });
}
