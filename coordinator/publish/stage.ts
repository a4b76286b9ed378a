import { join } from "node:path";
import { present } from "../../shared/core/assert.ts";
import { mapConcurrent } from "../../shared/core/map-concurrent.ts";
import { recordOf } from "../../shared/core/record-of.ts";
import type { Field } from "../../shared/domain/dataset.ts";
import type { EndProgress } from "../../shared/domain/end-progress.ts";
import { below } from "../../shared/domain/location.ts";
import { MANIFEST_NAME, OUTPUT_FOLDERS, type OutputFile } from "../../shared/domain/manifest.ts";
import type { DeadLetter, PartialFile, PartialManifest } from "../../shared/domain/partial.ts";
import { ROW_COUNT_NAMES } from "../../shared/domain/row-counts.ts";
import { sourceOfBytes } from "../../shared/storage/put-source.ts";
import type { Storage, StoredChecksums } from "../../shared/storage/storage.ts";
import { checkFileDigest, partialFileLocation } from "../commit/check-file.ts";
import { chooseWay } from "./choose-way.ts";
import { buildManifest, deadLettersPath, layOutParts, type ManifestFacts, OUTPUT_KINDS } from "./layout.ts";
import { asOutputFailed } from "./output-failed.ts";
import { writePoisonedRows } from "./poisoned-rows.ts";
import type { Part, StagedOutput } from "./publish-way.ts";
import { manifestText } from "./read-manifest.ts";
import type { OutputShape, ShapedFile } from "./shape/plan-output.ts";
import { madeFolder, shapeOutput } from "./shape-output.ts";
import { commitsDigest, type RunTasks } from "./tasks-to-run.ts";
import type { WorkPaths } from "./work-paths.ts";

export interface StageOptions {
  /** Returns the facts of the run once all files are made. */
  readonly facts: () => Omit<ManifestFacts, "counts">;
  /** Committed partials, in plan order. */
  readonly partials: readonly PartialManifest[];
  readonly paths: WorkPaths;
  /** Results of the reductions, durable where they are. */
  readonly reduced: readonly Part[];
  /** Rows that the coordinator dead-lettered, in plan order. */
  readonly poisoned: readonly DeadLetter[];
  /** Kept columns. */
  readonly keep: readonly Field[];
  readonly storage: Storage;
  /** Checksums of that storage, if they can be trusted: then no file is read. */
  readonly checksums?: StoredChecksums | undefined;
  /** Other files for the rows. Default: the partials' own files are the parts. */
  readonly shape?: OutputShape | null;
  /** Runs tasks on workers, which write the rows of that shape. Default: this process writes them. */
  readonly runTasks?: RunTasks;
  readonly signal: AbortSignal;
  /** Called for each file that is checked, and as shaped rows are written. */
  readonly onProgress?: (progress: EndProgress) => void;
  /** Writes the part of the rows that the coordinator dead-lettered. */
  readonly writePoisoned?: typeof writePoisonedRows;
}

/** Files read at once: enough to hide a network file system's round trips. */
const CHECKS_AT_ONCE = 16;

/**
 * Decides which files make up the output, and writes the files that no partial has. Moves all files as close
 * to their final place as the storage allows. Writes the manifest last, into the stage.
 *
 * The parts are the partials' files, or are made from them alone, and the partials stay. So a repeated call
 * after a crash gives the same bytes.
 *
 * Checks every file's digest: about one second per gigabyte, unless the store's checksums can be trusted.
 *
 * @throws {PARTIAL_INVALID} when a file is missing or has changed since its commit: that shard must run again
 * @throws {OUTPUT_FAILED} when the storage fails
 */
export async function stageOutput(options: StageOptions): Promise<StagedOutput> {
  const { signal, paths } = options;
  const what = "the output cannot be staged";
  try {
    return await asOutputFailed({ path: paths.stage, what }, () => stage(options));
  } catch (error) {
    signal.throwIfAborted();
    throw error;
  }
}

async function stage(options: StageOptions): Promise<StagedOutput> {
  const { paths, storage, partials, signal } = options;
  for (const name of [MANIFEST_NAME, OUTPUT_FOLDERS.rows, OUTPUT_FOLDERS.errors])
    await storage.remove(below(paths.stage, name), signal);
  await storage.remove(madeFolder(paths.stage), signal);
  const poisoned = await stagePoisoned(options);
  const { shape = null } = options;
  const checked = await checkParts(options);
  const placed =
    shape === null
      ? checked
      : await shapeParts(checked, shape, options).catch(async (error: unknown) => {
          signal.throwIfAborted();
          // A file that was damaged meanwhile may be the cause. Then its shard runs again.
          await checkParts(options);
          throw error;
        });
  const made = poisoned.map((output) => ({ output, from: below(paths.stage, output.path) }));
  const parts = inOrder([...placed, ...options.reduced, ...made]);
  const counts = recordOf(ROW_COUNT_NAMES, (name) =>
    partials.reduce((rows, partial) => rows + partial[name], 0),
  );
  const files = parts.map(({ output }) => output);
  const manifest = buildManifest({ ...options.facts(), counts }, files);
  await chooseWay({ storage, paths }).stage(parts, signal);
  await storage.put(below(paths.stage, MANIFEST_NAME), sourceOfBytes(manifestText(manifest)), { signal });
  return { manifest, parts };
}

/** Lays out the files of the partials, and checks their digests. */
async function checkParts({
  paths,
  storage,
  checksums,
  partials,
  poisoned,
  shape = null,
  signal,
  onProgress = () => {},
}: StageOptions): Promise<readonly (Part & Pick<ShapedFile, "sample" | "folders">)[]> {
  const access = { storage, checksums, signal };
  const placing = layOutParts(partials, Math.min(1, poisoned.length));
  let done = 0;
  return await mapConcurrent(placing, CHECKS_AT_ONCE, async ({ output, partial, file }) => {
    signal.throwIfAborted();
    const check = (of: PartialFile) => checkFileDigest(paths.partials, partial, of, access);
    const from = await check(file);
    const checked = async (of: PartialFile | null) =>
      of === null ? null : { ...of, location: await check(of) };
    const rowsShape = output.kind === "rows" ? shape : null;
    const sample = await checked(rowsShape === null ? null : sampleOf(partial, rowsShape));
    const folders = await checked(rowsShape === null ? null : foldersOf(partial));
    done += 1;
    onProgress({ step: "check", done, total: placing.length });
    return { output, from, sample, folders };
  });
}

/** Returns the sample of a partial's rows. Null: not all rows are sorted. */
function sampleOf(partial: PartialManifest, { isSortedAcross }: OutputShape): PartialFile | null {
  if (!isSortedAcross) return null;
  const sample = partial.files.find(({ kind }) => kind === "sample");
  return present(sample, `the partial of shard ${partial.shard} has a sample of its rows`);
}

/** Returns the list of a partial's folders. Null: it has none, or is of an earlier version. */
function foldersOf({ files }: PartialManifest): PartialFile | null {
  return files.find(({ kind }) => kind === "folders") ?? null;
}

/** Replaces the parts of rows by the shaped files. */
async function shapeParts(
  parts: readonly (Part & Pick<ShapedFile, "sample" | "folders">)[],
  shape: OutputShape,
  { partials, paths: { stage, temp }, storage, runTasks, signal, onProgress = () => {} }: StageOptions,
): Promise<readonly Part[]> {
  const isRows = ({ output }: Part) => output.kind === "rows";
  const files = parts.filter(isRows).map(({ output: { rows, bytes, sha256 }, from, ...also }) => ({
    location: from,
    rows,
    bytes,
    sha256,
    ...also,
  }));
  const total = files.reduce((sum, { rows }) => sum + rows, 0);
  const onWritten = (done: number) => onProgress({ step: "shape", done, total });
  onWritten(0);
  const place = { folder: madeFolder(stage), scratch: join(temp, "shape"), storage };
  const made = await shapeOutput(
    { shape, files, commits: commitsDigest(partials), runTasks, ...place },
    onWritten,
    signal,
  );
  return [...made, ...parts.filter((part) => !isRows(part))];
}

/** Stages one more part, after the dead letters from workers. */
async function stagePoisoned(options: StageOptions): Promise<readonly OutputFile[]> {
  const { partials, paths, poisoned, keep, storage, signal } = options;
  const { writePoisoned = writePoisonedRows } = options;
  if (poisoned.length === 0) return [];
  const errorFiles = partials.flatMap((partial) =>
    partial.files.filter((file) => file.kind === "errors").map((file) => ({ partial, file })),
  );
  const [first] = errorFiles;
  const like = first === undefined ? null : partialFileLocation(paths.partials, first.partial, first.file);
  const path = deadLettersPath(errorFiles.length, errorFiles.length + 1);
  const written = await writePoisoned({
    to: below(paths.stage, path),
    deadLetters: poisoned,
    like,
    keep,
    place: { storage, scratch: paths.temp, signal },
  });
  return [{ path, kind: "errors", ...written }];
}

function inOrder(parts: readonly Part[]): readonly Part[] {
  return OUTPUT_KINDS.flatMap((kind) => parts.filter(({ output }) => output.kind === kind));
}
