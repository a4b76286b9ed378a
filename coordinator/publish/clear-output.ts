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
import { removeFromDisk, removeWorkFolder } from "./cleanup.ts";
import { Clearing, type ClearingMark, type ClearingSeams } from "./clearing.ts";
import { foreignFiles } from "./foreign-files.ts";
import { OUTPUT_KINDS } from "./layout.ts";
import { asOutputFailed } from "./output-failed.ts";
import { CLEARING_NAME, inspectOutput, namesIn, type OutputState, outputOccupied } from "./output-folder.ts";
import { readManifestIfThere } from "./read-manifest.ts";
import { publishedFolders, removeUploads } from "./remove-uploads.ts";
import { sidecars } from "./sidecars.ts";
import type { OutputPaths } from "./work-paths.ts";

interface ClearOptions extends ClearingSeams {
  /** Disk of the lock and the journal. */
  readonly disk: Disk;
  /** Run whose coordinator was silent for the whole wait. Null: none, or the journal is on the disk. */
  readonly run: string | null;
  /** Lock that the caller holds. On a disk, all changes that others could see go through it. */
  readonly lock: Pick<HeldLock, "confirm" | "place" | "remove">;
  /**
   * Rejects when another coordinator has resumed or restarted the job since the decision to clear. Called
   * before the marker is put and again after it, because the other one may have started in between.
   */
  readonly look?: () => Promise<void>;
  /** Ends that silent run. Called last before anything is removed. */
  readonly end?: () => Promise<void>;
  /** Returns true for the names in `_shardmill` that stay: the files of the caller's lock. */
  readonly keepsWork: (name: string) => boolean;
}

/**
 * Deletes Shardmill's files from an output folder, for a run that starts over. The manifest goes first, so
 * that nothing looks published from the first step on. Next go the files that it names, and then the work
 * files. A repeated call after a crash finishes the clearing.
 *
 * Deletes nothing when `rows/`, `_reduced/` or `_errors/` has foreign files, or when the folder is not
 * Shardmill's.
 *
 * @throws {OUTPUT_OCCUPIED}
 */
export async function clearOutput(paths: OutputPaths, options: ClearOptions): Promise<void> {
  const what = "the output folder cannot be cleared";
  const hint = "repair the disk, then run again: the run finishes the clearing";
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
  // These files were placed after the manifest and are removed before it: without a manifest, there are none.
  const ours = await readManifestIfThere(below(output, MANIFEST_NAME), storage);
  for (const name of sidecars(ours ?? {})) await remove(below(output, name));
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
  // Sync before the marker goes: a power cut could bring back a part of the old journal without it.
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

/** Removes a file or folder that others can see. On a disk, it is removed in one step: see `HeldLock`. */
async function removeVisible(
  location: Location,
  { storage, lock }: Pick<ClearOptions, "storage" | "lock">,
  signal: AbortSignal,
): Promise<void> {
  if (storage.can.rename) await lock.remove(localPathOf(location));
  else await storage.remove(location, signal);
}

/**
 * Puts the marker of a clearing. If the lock is beside the output, other coordinators do not read the marker
 * while the lock is held. So the marker needs no beat.
 */
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

/** Files that Shardmill published, or was about to publish. */
async function ownFiles(
  { publishing }: OutputPaths,
  state: Extract<OutputState, { kind: "published" | "unfinished" }>,
  storage: Storage,
): Promise<readonly OutputFile[]> {
  if (state.kind === "published") return state.manifest.files;
  // The job's coordinator exited while publishing, so some files are already placed. The intent names them.
  const intent = await readManifestIfThere(publishing, storage);
  return intent?.files ?? [];
}
