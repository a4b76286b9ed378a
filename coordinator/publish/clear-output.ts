import { join } from "node:path";
import type { Disk } from "../../shared/core/disk.ts";
import { errorCode } from "../../shared/core/errno.ts";
import { isShardmillError, ShardmillError } from "../../shared/core/errors.ts";
import { makeFolders } from "../../shared/core/make-folders.ts";
import type { Random } from "../../shared/core/random.ts";
import { syncPath } from "../../shared/core/sync-path.ts";
import { below } from "../../shared/domain/location.ts";
import { MANIFEST_NAME, type OutputFile, type OutputManifest } from "../../shared/domain/manifest.ts";
import { isOnThisMachine } from "../../shared/storage/local-paths.ts";
import { sourceOfBytes } from "../../shared/storage/put-source.ts";
import type { Storage } from "../../shared/storage/storage.ts";
import { readTextIfThere } from "../../shared/storage/whole-file.ts";
import { besides } from "./beside.ts";
import { removeFromDisk, removeWorkFolder } from "./cleanup.ts";
import { foreignFiles } from "./foreign-files.ts";
import { OUTPUT_KINDS } from "./layout.ts";
import { asOutputFailed } from "./output-failed.ts";
import { CLEARING_NAME, inspectOutput, namesIn, type OutputState, outputOccupied } from "./output-folder.ts";
import { readManifestIfThere } from "./read-manifest.ts";
import { publishedFolders, removeUploads } from "./remove-uploads.ts";
import type { OutputPaths } from "./work-paths.ts";

interface ClearOptions {
  readonly storage: Storage;
  /** Where the lock and the journal are. */
  readonly disk: Disk;
  readonly random: Random;
  /** Rejects when another coordinator has taken the lock: asked before each removal that others could see. */
  readonly confirm?: () => Promise<void>;
  /**
   * Rejects when another coordinator has taken the job up, or begun it anew, since it was decided to clear.
   * Asked before others are told of the clearing and, as these may have begun just then, behind that.
   */
  readonly look?: () => Promise<void>;
  /** Names in `_shardmill` that stay: those of the lock that the caller holds. */
  readonly keepsWork: (name: string) => boolean;
}

/**
 * Deletes what Shardmill made in an output folder, for a run that starts over: the manifest first, so that
 * from the first step on nothing looks published; then the files that it names; then the work files. Begun
 * again after a crash, it ends what it began.
 *
 * Nothing is deleted when there is anything else in `rows/`, `reduced/` or `errors/`, or the folder is
 * somebody's.
 *
 * @throws {OUTPUT_OCCUPIED}
 */
export async function clearOutput(paths: OutputPaths, options: ClearOptions): Promise<void> {
  const what = "the output folder cannot be cleared";
  const hint = "mend the disk, then run again: it ends what it began";
  await asOutputFailed({ path: paths.output, what, hint }, () => clear(paths, options));
}

/**
 * That a clearing that was begun is this coordinator's to end, without being asked to start over. In a bucket
 * only if it was begun from this disk: another's may have been ended meanwhile, and what would be cleared
 * then is what somebody began anew.
 *
 * @returns what is published still, where another's clearing has not come so far, or its marker came late
 * @throws {OUTPUT_OCCUPIED} when it is not
 */
export async function refuseOthersClearing(
  { paths, storage }: { readonly paths: OutputPaths } & Pick<ClearOptions, "storage">,
  { disk }: Pick<ClearOptions, "disk">,
): Promise<OutputManifest | null> {
  if (await isOwnClearing(paths, { storage, disk })) return null;
  const { output } = paths;
  const published = await readManifestIfThere(below(output, MANIFEST_NAME), storage);
  if (published !== null) return published;
  throw clearedElsewhere(paths);
}

function clearedElsewhere({ output, work }: OutputPaths): ShardmillError {
  const marker = below(work, CLEARING_NAME);
  return new ShardmillError(
    "OUTPUT_OCCUPIED",
    `${output} is being cleared by a coordinator on another machine`,
    {
      fields: { path: output, marker },
      hint: "wait until it has begun its job; if none is at work any more, run with --fresh: it ends the clearing",
    },
  );
}

async function isOwnClearing(
  paths: OutputPaths,
  { storage, disk }: Pick<ClearOptions, "storage" | "disk">,
): Promise<boolean> {
  if (isOnThisMachine(paths.output)) return true;
  const marker = await readTextIfThere(storage, below(paths.work, CLEARING_NAME));
  return marker === null || marker === (await noteOf(paths, disk));
}

async function clear(paths: OutputPaths, options: ClearOptions): Promise<void> {
  const { storage, disk, keepsWork, confirm = async () => {}, look = async () => {} } = options;
  const { output, work } = paths;
  const state = await inspectOutput(output, storage);
  if (state.kind === "fresh" || state.kind === "empty") {
    await removeFromDisk(paths, disk, keepsWork);
    return;
  }
  if (state.kind === "occupied") throw outputOccupied(output, state.entries);
  const marker = below(work, CLEARING_NAME);
  if (state.kind !== "halfCleared") {
    const foreign = await foreignFiles(output, await ownFiles(paths, state, storage), storage);
    if (foreign.length > 0) throw outputOccupied(output, foreign);
  }
  await confirm();
  await look();
  if (state.kind !== "halfCleared") await putMarker(paths, options, { ifAbsent: true });
  else if (!(await isOwnClearing(paths, options))) await putMarker(paths, options, { ifAbsent: false });
  const confirmOwn = async () => {
    await confirm();
    await refuseOthersMarker(paths, options);
  };
  try {
    await look();
  } catch (error) {
    if (state.kind !== "halfCleared") await withdrawMarker(paths, options);
    throw error;
  }
  // They came after the manifest, and go before it: without one there is none of ours.
  const ours = await readManifestIfThere(below(output, MANIFEST_NAME), storage);
  for (const name of besides(ours ?? {})) await storage.remove(below(output, name));
  await storage.remove(below(output, MANIFEST_NAME));
  await storage.sync(output);
  for (const kind of OUTPUT_KINDS) {
    await confirmOwn();
    await storage.remove(below(output, kind));
  }
  const stays = (name: string) => name === CLEARING_NAME || keepsWork(name);
  for (const name of (await namesIn(work, storage)) ?? []) {
    if (stays(name)) continue;
    await confirmOwn();
    await storage.remove(below(work, name));
  }
  await removeUploads([work, ...publishedFolders(output)], storage);
  await removeFromDisk(paths, disk, stays);
  // Both, or a power cut may bring back a part of the old journal after the marker that says so is gone.
  await storage.sync(work);
  await storage.sync(output);
  await confirmOwn();
  await storage.remove(marker);
  await removeFromDisk(paths, disk, keepsWork);
  await removeWorkFolder(paths, disk);
}

/**
 * In a bucket it says whose it is: a note on this disk says the same, and is durable before it.
 *
 * @throws {OUTPUT_OCCUPIED} when it is to be put if absent, and another clears already
 */
async function putMarker(
  paths: OutputPaths,
  { storage, disk, random }: ClearOptions,
  { ifAbsent }: { readonly ifAbsent: boolean },
): Promise<void> {
  const marker = below(paths.work, CLEARING_NAME);
  const says = `this output is being cleared: ${random.hex(8)}\n`;
  if (!isOnThisMachine(paths.output)) {
    await makeFolders(paths.disk, disk);
    const note = await disk.open(join(paths.disk, CLEARING_NAME), "w");
    try {
      await note.write(Buffer.from(says, "utf8"));
      await note.sync();
    } finally {
      await note.close();
    }
    await syncPath(paths.disk, disk);
  }
  try {
    await storage.put(marker, sourceOfBytes(says), { ifAbsent: ifAbsent && !isOnThisMachine(paths.output) });
  } catch (error) {
    if (!isShardmillError(error, "STORE_EXISTS")) throw error;
    await removeNote(paths, disk);
    throw clearedElsewhere(paths);
  }
}

/** Nothing was removed yet. */
async function withdrawMarker(paths: OutputPaths, options: ClearOptions): Promise<void> {
  await refuseOthersMarker(paths, options);
  await options.storage.remove(below(paths.work, CLEARING_NAME));
  await removeNote(paths, options.disk);
}

async function removeNote({ disk: folder }: OutputPaths, disk: Disk): Promise<void> {
  await disk.unlink(join(folder, CLEARING_NAME)).catch((error: unknown) => {
    if (errorCode(error) !== "ENOENT") throw error;
  });
}

/** Another coordinator may have ended a clearing that this one has slept over, and begun its job. */
async function refuseOthersMarker(paths: OutputPaths, { storage, disk }: ClearOptions): Promise<void> {
  if (isOnThisMachine(paths.output)) return;
  const path = below(paths.work, CLEARING_NAME);
  const found = await readTextIfThere(storage, path);
  const expected = await noteOf(paths, disk);
  if (found !== null && found === expected) return;
  throw new ShardmillError("OUTPUT_LOCKED", "another coordinator clears this output, or has cleared it", {
    fields: { path, expected, found },
    hint: "the job goes on in the other one; if there is none, run it again",
  });
}

/** What this disk knows of a clearing that was begun from it; null when none was. */
async function noteOf(paths: OutputPaths, disk: Disk): Promise<string | null> {
  try {
    return (await disk.readFile(join(paths.disk, CLEARING_NAME))).toString("utf8");
  } catch (error) {
    if (errorCode(error) === "ENOENT") return null;
    throw error;
  }
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
