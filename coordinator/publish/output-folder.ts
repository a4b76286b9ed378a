import { dirname, join } from "node:path";
import { type Disk, realDisk } from "../../shared/core/disk.ts";
import { syncPath, writeDurable } from "../../shared/core/durable.ts";
import { errorCode } from "../../shared/core/errno.ts";
import { messageOf, ShardmillError } from "../../shared/core/errors.ts";
import { makeFolders } from "../../shared/core/make-folders.ts";
import {
  MANIFEST_NAME,
  type OutputFile,
  type OutputManifest,
  WORK_FOLDER,
} from "../../shared/domain/manifest.ts";
import { OUTPUT_KINDS } from "./layout.ts";
import { readManifest } from "./read-manifest.ts";
import { workPaths } from "./work-paths.ts";

export type OutputState =
  /** There is no such folder. */
  | { readonly kind: "fresh" }
  | { readonly kind: "empty" }
  /** A job's work files: it may be resumed. */
  | { readonly kind: "unfinished" }
  /** `clearOutput` was begun and not ended: call it again, whatever the user asks for now. */
  | { readonly kind: "halfCleared" }
  | { readonly kind: "published"; readonly manifest: OutputManifest }
  /** Somebody's files: see {@link outputOccupied}. */
  | { readonly kind: "occupied"; readonly entries: readonly string[] };

/** Durable in `_shardmill` from the first deletion of a clearing to the last. */
export const CLEARING_NAME = "clearing";
const NAMES_SHOWN = 5;

/**
 * What is in an output folder. Reads names and the manifest only.
 *
 * @throws {OUTPUT_OCCUPIED} when a file is where the folder would be
 * @throws {OUTPUT_FAILED} when there is a manifest that cannot be read
 */
export async function inspectOutput(outputPath: string, disk: Disk = realDisk): Promise<OutputState> {
  const entries = await namesIn(outputPath, disk);
  if (entries === null) return { kind: "fresh" };
  if (entries.length === 0) return { kind: "empty" };
  const work = (await namesIn(join(outputPath, WORK_FOLDER), disk)) ?? [];
  if (work.includes(CLEARING_NAME)) return { kind: "halfCleared" };
  const manifest = entries.includes(MANIFEST_NAME) ? await manifestOf(outputPath, disk) : null;
  if (manifest !== null) return { kind: "published", manifest };
  if (entries.includes(WORK_FOLDER)) return { kind: "unfinished" };
  return { kind: "occupied", entries };
}

/** Null when it went since the folder was listed: somebody starts over. */
async function manifestOf(outputPath: string, disk: Disk): Promise<OutputManifest | null> {
  const path = join(outputPath, MANIFEST_NAME);
  try {
    return await readManifest(path, disk);
  } catch (cause) {
    if (errorCode(cause) === "ENOENT") return null;
    if (cause instanceof ShardmillError || errorCode(cause) === null) throw cause;
    throw new ShardmillError("OUTPUT_FAILED", `${path} cannot be read: ${messageOf(cause)}`, {
      fields: { path },
      cause,
    });
  }
}

/** The refusal to write where somebody's files are. */
export function outputOccupied(outputPath: string, entries: readonly string[]): ShardmillError {
  const shown = entries.slice(0, NAMES_SHOWN).join(", ");
  const more = entries.length > NAMES_SHOWN ? ` and ${entries.length - NAMES_SHOWN} more` : "";
  return new ShardmillError("OUTPUT_OCCUPIED", `${outputPath} has files in it: ${shown}${more}`, {
    fields: { path: outputPath, entries: entries.length },
    problems: [
      {
        where: "output.path",
        what: "the folder has files that Shardmill did not make",
        expected: "a folder that is empty or does not exist",
        found: `${shown}${more}`,
      },
    ],
    hint: "choose another output.path",
  });
}

/**
 * Deletes what Shardmill made in an output folder, for a run that starts over: the manifest first, so that
 * from the first step on nothing looks published; then the files that it names; then the work files. Names
 * that `keepsWork` is true of stay in `_shardmill` (the lock that the caller holds). Begun again after a
 * crash, it ends what it began.
 *
 * Nothing is deleted when there is anything else in `rows/`, `reduced/` or `errors/`, or the folder is
 * somebody's.
 *
 * @throws {OUTPUT_OCCUPIED}
 */
export async function clearOutput(
  outputPath: string,
  keepsWork: (name: string) => boolean = () => false,
  disk: Disk = realDisk,
): Promise<void> {
  try {
    await clear(outputPath, keepsWork, disk);
  } catch (cause) {
    if (cause instanceof ShardmillError || errorCode(cause) === null) throw cause;
    throw new ShardmillError("OUTPUT_FAILED", `the output folder cannot be cleared: ${messageOf(cause)}`, {
      fields: { path: outputPath },
      cause,
      hint: "mend the disk, then run again: it ends what it began",
    });
  }
}

async function clear(outputPath: string, keepsWork: (name: string) => boolean, disk: Disk): Promise<void> {
  const state = await inspectOutput(outputPath, disk);
  if (state.kind === "fresh" || state.kind === "empty") return;
  if (state.kind === "occupied") throw outputOccupied(outputPath, state.entries);
  const marker = join(outputPath, WORK_FOLDER, CLEARING_NAME);
  if (state.kind !== "halfCleared") {
    const own = await ownFiles(outputPath, state, disk);
    await refuseForeign(outputPath, own, disk);
    await markClearing(outputPath, marker, disk);
  }
  await disk.remove(join(outputPath, MANIFEST_NAME));
  await syncPath(outputPath, disk);
  for (const kind of OUTPUT_KINDS) await disk.remove(join(outputPath, kind));
  const { work } = workPaths(outputPath);
  for (const name of (await namesIn(work, disk)) ?? []) {
    if (name !== CLEARING_NAME && !keepsWork(name)) await disk.remove(join(work, name));
  }
  // Both, or a power cut may bring back a part of the old journal after the marker that says so is gone.
  await syncPath(work, disk);
  await syncPath(outputPath, disk);
  await disk.unlink(marker);
  await disk.rmdir(work).catch((error: unknown) => {
    if (errorCode(error) !== "ENOTEMPTY" && errorCode(error) !== "EEXIST") throw error;
  });
}

/** The files that Shardmill published, or was about to, by path. */
async function ownFiles(
  outputPath: string,
  state: Extract<OutputState, { kind: "published" | "unfinished" }>,
  disk: Disk,
): Promise<ReadonlyMap<string, OutputFile>> {
  if (state.kind === "published") return byPath(state.manifest);
  // A job that died while publishing has folders out already: its intent says which files they hold.
  const intent = await readManifest(workPaths(outputPath).publishing, disk).catch((error: unknown) => {
    if (errorCode(error) === "ENOENT") return null;
    throw error;
  });
  return intent === null ? new Map() : byPath(intent);
}

function byPath(manifest: OutputManifest): ReadonlyMap<string, OutputFile> {
  return new Map(manifest.files.map((file) => [file.path, file]));
}

/** A file of ours by name that has another size is somebody's too: it was put there, or changed, since. */
async function refuseForeign(
  outputPath: string,
  own: ReadonlyMap<string, OutputFile>,
  disk: Disk,
): Promise<void> {
  const foreign: string[] = [];
  for (const kind of OUTPUT_KINDS) {
    for (const name of (await namesIn(join(outputPath, kind), disk)) ?? []) {
      const path = `${kind}/${name}`;
      const file = own.get(path);
      if (file === undefined || (await disk.lstat(join(outputPath, path))).size !== file.bytes)
        foreign.push(path);
    }
  }
  if (foreign.length > 0) throw outputOccupied(outputPath, foreign);
}

async function markClearing(outputPath: string, marker: string, disk: Disk): Promise<void> {
  const { work } = workPaths(outputPath);
  await makeFolders(work, disk);
  await writeDurable(marker, "this output is being cleared\n", disk);
  await syncPath(work, disk);
  await syncPath(outputPath, disk);
}

/** The names in a folder, sorted; null when there is no such folder. */
async function namesIn(path: string, disk: Disk): Promise<string[] | null> {
  try {
    return (await disk.readdir(path)).sort();
  } catch (error) {
    if (errorCode(error) === "ENOENT") return null;
    if (errorCode(error) === "ENOTDIR") throw await notAFolder(path, disk);
    throw new ShardmillError("OUTPUT_FAILED", `the output folder cannot be listed: ${messageOf(error)}`, {
      fields: { path },
      cause: error,
    });
  }
}

/** A file stands where the output folder, or one above it, would be. */
async function notAFolder(path: string, disk: Disk): Promise<ShardmillError> {
  let file = path;
  while (!(await disk.lstat(file).catch(() => null)) && dirname(file) !== file) file = dirname(file);
  const what = file === path ? "is a file, not a folder" : `cannot be a folder: ${file} is a file`;
  return new ShardmillError("OUTPUT_OCCUPIED", `${path} ${what}`, {
    fields: { path, file },
    problems: [
      { where: "output.path", what, expected: "a folder that is empty or does not exist", found: file },
    ],
    hint: "choose another output.path",
  });
}
