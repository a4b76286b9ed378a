import type { Disk } from "../../shared/core/disk.ts";
import { below } from "../../shared/domain/location.ts";
import { MANIFEST_NAME, type OutputFile } from "../../shared/domain/manifest.ts";
import { sourceOfBytes } from "../../shared/storage/put-source.ts";
import type { Storage } from "../../shared/storage/storage.ts";
import { removeFromDisk, removeWorkFolder } from "./cleanup.ts";
import { foreignFiles } from "./foreign-files.ts";
import { OUTPUT_KINDS } from "./layout.ts";
import { asOutputFailed } from "./output-failed.ts";
import { CLEARING_NAME, inspectOutput, namesIn, type OutputState, outputOccupied } from "./output-folder.ts";
import { readManifestIfThere } from "./read-manifest.ts";
import type { OutputPaths } from "./work-paths.ts";

interface ClearOptions {
  readonly storage: Storage;
  /** Where the lock and the journal are. */
  readonly disk: Disk;
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

async function clear(paths: OutputPaths, { storage, disk, keepsWork }: ClearOptions): Promise<void> {
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
    await storage.put(marker, sourceOfBytes("this output is being cleared\n"));
  }
  // It came after the manifest, and goes before it: without one there is none of ours.
  const { marker: ours } = (await readManifestIfThere(below(output, MANIFEST_NAME), storage)) ?? {};
  if (ours !== undefined) await storage.remove(below(output, ours));
  await storage.remove(below(output, MANIFEST_NAME));
  await storage.sync(output);
  for (const kind of OUTPUT_KINDS) await storage.remove(below(output, kind));
  const stays = (name: string) => name === CLEARING_NAME || keepsWork(name);
  for (const name of (await namesIn(work, storage)) ?? []) {
    if (!stays(name)) await storage.remove(below(work, name));
  }
  await removeFromDisk(paths, disk, stays);
  // Both, or a power cut may bring back a part of the old journal after the marker that says so is gone.
  await storage.sync(work);
  await storage.sync(output);
  await storage.remove(marker);
  await removeWorkFolder(paths, disk);
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
