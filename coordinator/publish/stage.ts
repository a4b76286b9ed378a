import { dirname, join } from "node:path";
import { type Disk, realDisk } from "../../shared/core/disk.ts";
import { syncPath, writeDurable } from "../../shared/core/durable.ts";
import { errorCode } from "../../shared/core/errno.ts";
import { messageOf, ShardmillError } from "../../shared/core/errors.ts";
import { linkOrCopy } from "../../shared/core/hard-link.ts";
import { makeFolders } from "../../shared/core/make-folders.ts";
import { mapConcurrent } from "../../shared/core/map-concurrent.ts";
import type { Field } from "../../shared/domain/dataset.ts";
import { MANIFEST_NAME, type OutputFile, type OutputManifest } from "../../shared/domain/manifest.ts";
import type { DeadLetter, PartialManifest } from "../../shared/domain/partial.ts";
import { checkFileDigest, partialFilePath } from "../commit/check-file.ts";
import {
  buildManifest,
  layOutParts,
  type ManifestFacts,
  OUTPUT_KINDS,
  type PlacedFile,
  partPath,
} from "./layout.ts";
import { writePoisonedRows } from "./poisoned-rows.ts";
import { manifestText, parseManifest } from "./read-manifest.ts";

export interface StageOptions {
  readonly facts: Omit<ManifestFacts, "counts">;
  /** The committed partials, in plan order. */
  readonly partials: readonly PartialManifest[];
  readonly partialsPath: string;
  /** What `reducePartials` staged. */
  readonly reduced: readonly OutputFile[];
  /** Rows that the coordinator gave up, in plan order. */
  readonly poisoned: readonly DeadLetter[];
  /** The kept columns. */
  readonly keep: readonly Field[];
  readonly stagePath: string;
  readonly tempFolder: string;
  readonly signal: AbortSignal;
  readonly disk?: Disk;
  /** Writes the part of the rows that the coordinator gave up. */
  readonly writePoisoned?: typeof writePoisonedRows;
}

/** Files that are read and linked at once: enough to hide a network file system's round trips. */
const LINKS_AT_ONCE = 16;

/**
 * Builds `rows/` and `errors/` beside the reduced files and writes the manifest of all, last. Everything is
 * durable then: what is left to publish is renames.
 *
 * The parts are the partials' own files under another name (hard links; copies where there are no links),
 * never rewritten, and the partials stay: so this can be begun again after a crash anywhere, and gives the
 * same bytes.
 *
 * @throws {PARTIAL_INVALID} when a file is missing or is not what was committed: that shard must run again.
 * So all of the output is read once more: about a second a gigabyte, against the hours that a terabyte took
 * to make
 * @throws {OUTPUT_FAILED} when the folder cannot be written
 */
export async function stageOutput(options: StageOptions): Promise<OutputManifest> {
  const { stagePath, partials, partialsPath, signal, disk = realDisk } = options;
  const stagedManifest = join(stagePath, MANIFEST_NAME);
  await disk.remove(stagedManifest);
  await disk.remove(join(stagePath, "rows"));
  await disk.remove(join(stagePath, "errors"));
  await makeFolders(stagePath, disk);
  try {
    const poisoned = await stagePoisoned(options);
    const placed = layOutParts(partials, poisoned.length);
    for (const kind of new Set(placed.map(({ output }) => output.kind))) {
      await makeFolders(join(stagePath, kind), disk);
    }
    await mapConcurrent(placed, LINKS_AT_ONCE, async (part) => {
      signal.throwIfAborted();
      const source = await checkFileDigest(partialsPath, part.partial, part.file, signal, disk);
      await linkOrCopy(source, join(stagePath, part.output.path), disk);
    });
    const files = inOrder(placed, options.reduced, poisoned);
    const total = (count: "rowsMapped" | "rowsFiltered" | "rowsOut") =>
      partials.reduce((rows, partial) => rows + partial[count], 0);
    const counts = {
      rowsMapped: total("rowsMapped"),
      rowsFiltered: total("rowsFiltered"),
      rowsOut: total("rowsOut"),
    };
    const manifest = buildManifest({ ...options.facts, counts }, files);
    for (const folder of new Set(files.map((file) => dirname(file.path))))
      await syncPath(join(stagePath, folder), disk);
    await writeDurable(stagedManifest, manifestText(manifest), disk);
    await syncPath(stagePath, disk);
    return manifest;
  } catch (error) {
    signal.throwIfAborted();
    if (errorCode(error) === null || error instanceof ShardmillError) throw error;
    const message = `the output cannot be staged: ${messageOf(error)}`;
    throw new ShardmillError("OUTPUT_FAILED", message, { fields: { path: stagePath }, cause: error });
  }
}

/** The manifest of a complete stage, or null: after a crash it says what is about to be published. */
export async function readStagedManifest(
  stagePath: string,
  disk: Disk = realDisk,
): Promise<OutputManifest | null> {
  const path = join(stagePath, MANIFEST_NAME);
  try {
    return parseManifest((await disk.readFile(path)).toString("utf8"), path);
  } catch (error) {
    if (errorCode(error) === "ENOENT") return null;
    throw error;
  }
}

/** One part more, after the dead letters that workers found. */
async function stagePoisoned(options: StageOptions): Promise<readonly OutputFile[]> {
  const { partials, partialsPath, poisoned, keep, stagePath, tempFolder, signal } = options;
  const write = options.writePoisoned ?? writePoisonedRows;
  if (poisoned.length === 0) return [];
  const dead = partials.flatMap((partial) =>
    partial.files.filter((file) => file.kind === "dead").map((file) => ({ partial, file })),
  );
  const [first] = dead;
  const like = first === undefined ? null : partialFilePath(partialsPath, first.partial, first.file);
  const path = partPath("errors", dead.length, dead.length + 1, "parquet");
  const target = join(stagePath, path);
  const written = await write({
    path: target,
    deadLetters: poisoned,
    like,
    keep,
    tempFolder,
    signal,
  });
  return [{ path, kind: "errors", ...written }];
}

function inOrder(
  placed: readonly PlacedFile[],
  reduced: readonly OutputFile[],
  poisoned: readonly OutputFile[],
): readonly OutputFile[] {
  const all = [...placed.map(({ output }) => output), ...reduced, ...poisoned];
  return OUTPUT_KINDS.flatMap((kind) => all.filter((file) => file.kind === kind));
}
