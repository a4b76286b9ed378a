import { NEVER } from "../../shared/core/abort.ts";
import type { Disk } from "../../shared/core/disk.ts";
import { errorCode } from "../../shared/core/errno.ts";
import { syncPath } from "../../shared/core/sync-path.ts";
import { below, type Location, localPathOf } from "../../shared/domain/location.ts";
import { MANIFEST_NAME, OUTPUT_FOLDERS, type OutputFile } from "../../shared/domain/manifest.ts";
import { isOnThisMachine } from "../../shared/storage/local-paths.ts";
import { sourceOfBytes } from "../../shared/storage/put-source.ts";
import type { Storage } from "../../shared/storage/storage.ts";
import type { HeldLock } from "../journal/held-lock.ts";
import { besides } from "./beside.ts";
import { removeFromDisk, removeWorkFolder } from "./cleanup.ts";
import { Clearing, type ClearingMark, type ClearingSeams } from "./clearing.ts";
import { foreignFiles } from "./foreign-files.ts";
import { OUTPUT_KINDS } from "./layout.ts";
import { asOutputFailed } from "./output-failed.ts";
import { CLEARING_NAME, inspectOutput, namesIn, type OutputState, outputOccupied } from "./output-folder.ts";
import { readManifestIfThere } from "./read-manifest.ts";
import { publishedFolders, removeUploads } from "./remove-uploads.ts";
import type { OutputPaths } from "./work-paths.ts";

interface ClearOptions extends ClearingSeams {
  /** Where the lock and the journal are. */
  readonly disk: Disk;
  /** Run whose silence was waited out. Null: there was none, or the journal is on the disk. */
  readonly run: string | null;
  /** The caller's. On a disk all that others could see goes through it. */
  readonly lock: Pick<HeldLock, "confirm" | "place" | "remove">;
  /**
   * Rejects when another coordinator has taken the job up, or begun it anew, since it was decided to clear.
   * Asked before others are told of the clearing and, as these may have begun just then, behind that.
   */
  readonly look?: () => Promise<void>;
  /** Ends the run whose silence was waited out. Called last before anything is removed. */
  readonly end?: () => Promise<void>;
  /** Names in `_shardmill` that stay: those of the lock that the caller holds. */
  readonly keepsWork: (name: string) => boolean;
}

/**
 * Deletes what Shardmill made in an output folder, for a run that starts over: the manifest first, so that
 * from the first step on nothing looks published; then the files that it names; then the work files. Begun
 * again after a crash, it ends what it began.
 *
 * Nothing is deleted when there is anything else in `rows/`, `_reduced/` or `_errors/`, or the folder is
 * somebody's.
 *
 * @throws {OUTPUT_OCCUPIED}
 */
export async function clearOutput(paths: OutputPaths, options: ClearOptions): Promise<void> {
  const what = "the output folder cannot be cleared";
  const hint = "mend the disk, then run again: it ends what it began";
  await asOutputFailed({ path: paths.output, what, hint }, () => clear(paths, options));
}

async function clear(paths: OutputPaths, options: ClearOptions): Promise<void> {
  const { storage, disk, keepsWork, lock, look = async () => {}, end = async () => {} } = options;
  const { output, work } = paths;
  const state = await inspectOutput(output, storage);
  if (state.kind === "fresh" || state.kind === "empty") {
    await removeFromDisk(paths, options, keepsWork);
    return;
  }
  if (state.kind === "occupied") throw outputOccupied(output, state.entries);
  if (state.kind !== "halfCleared") {
    const foreign = await foreignFiles(output, await ownFiles(paths, state, storage), storage);
    if (foreign.length > 0) throw outputOccupied(output, foreign);
  }
  await lock.confirm();
  await look();
  await using mark = await beginMark(paths, { ...options, replaces: state.kind === "halfCleared" });
  const confirmOwn = async () => {
    await lock.confirm();
    await mark.confirm();
  };
  const remove = (location: Location) => removeVisible(location, options, mark.lost);
  try {
    await look();
    await end();
  } catch (error) {
    // Nothing was removed yet.
    if (state.kind !== "halfCleared") await mark.end();
    throw error;
  }
  // They came after the manifest, and go before it: without one there is none of ours.
  const ours = await readManifestIfThere(below(output, MANIFEST_NAME), storage);
  for (const name of besides(ours ?? {})) await remove(below(output, name));
  await remove(below(output, MANIFEST_NAME));
  await storage.sync(output);
  for (const kind of OUTPUT_KINDS) {
    await confirmOwn();
    await remove(below(output, OUTPUT_FOLDERS[kind]));
  }
  const stays = (name: string) => mark.has(name) || keepsWork(name);
  for (const name of (await namesIn(work, storage)) ?? []) {
    if (stays(name)) continue;
    await confirmOwn();
    await remove(below(work, name));
  }
  await removeUploads([work, ...publishedFolders(output)], storage);
  await removeFromDisk(paths, options, stays);
  // All, or a power cut may bring back a part of the old journal after the marker that says so is gone.
  await storage.sync(work);
  await storage.sync(output);
  if (!storage.can.sync) await syncIfThere(paths.disk, disk);
  await lock.confirm();
  await mark.end();
  await removeFromDisk(paths, options, keepsWork);
  await removeWorkFolder(paths, disk);
}

async function syncIfThere(folder: string, disk: Disk): Promise<void> {
  await syncPath(folder, disk).catch((error: unknown) => {
    if (errorCode(error) !== "ENOENT") throw error;
  });
}

/** On a disk nothing is removed from a name that a successor may use, but in one step: see `HeldLock`. */
async function removeVisible(
  location: Location,
  { storage, lock }: Pick<ClearOptions, "storage" | "lock">,
  signal: AbortSignal,
): Promise<void> {
  if (storage.can.rename) await lock.remove(localPathOf(location));
  else await storage.remove(location, signal);
}

/** Where the lock is beside the output, nobody else reads the marker while the lock is held. */
async function beginMark(
  { output, work }: OutputPaths,
  options: ClearOptions & { readonly replaces: boolean },
): Promise<ClearingMark> {
  if (!isOnThisMachine(output)) return await Clearing.begin(work, options);
  const { storage, lock, replaces } = options;
  const marker = below(work, CLEARING_NAME);
  const says = "this output is being cleared\n";
  if (!storage.can.rename) await storage.put(marker, sourceOfBytes(says), { signal: NEVER });
  else {
    if (!replaces) await lock.place(localPathOf(marker), says);
    await storage.sync(work);
  }
  return {
    lost: NEVER,
    confirm: async () => {},
    has: (name) => name === CLEARING_NAME,
    end: () => removeVisible(marker, options, NEVER),
    async [Symbol.asyncDispose]() {},
  };
}

/** The files that Shardmill published, or was about to. */
async function ownFiles(
  { publishing }: OutputPaths,
  state: Extract<OutputState, { kind: "published" | "unfinished" }>,
  storage: Storage,
): Promise<readonly OutputFile[]> {
  if (state.kind === "published") return state.manifest.files;
  // A job that died while publishing has files out already: its intent says which.
  const intent = await readManifestIfThere(publishing, storage);
  return intent?.files ?? [];
}
