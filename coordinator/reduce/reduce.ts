import { mkdir, rm } from "node:fs/promises";
import { availableParallelism } from "node:os";
import { join } from "node:path";
import { assert } from "../../shared/core/assert.ts";
import { digestFile } from "../../shared/core/digest.ts";
import { mapConcurrent } from "../../shared/core/map-concurrent.ts";
import { type BucketRange, divideBuckets } from "../../shared/domain/buckets.ts";
import { below } from "../../shared/domain/location.ts";
import { OUTPUT_FOLDERS } from "../../shared/domain/manifest.ts";
import { reducedFile } from "../../shared/domain/partial-layout.ts";
import { isCombined } from "../../shared/domain/reduction-binding.ts";
import type { ScanFile } from "../../shared/reduce/merge-small-files.ts";
import { type PartReduction, reducePart } from "../../shared/reduce/reduce-part.ts";
import { defaultMemoryBytes, partMemoryBytes } from "../../shared/sql/locking.ts";
import { isOnThisMachine, makeFile } from "../../shared/storage/local-paths.ts";
import { stepFilesHere } from "../../shared/storage/step-files.ts";
import { reducedPartPath, reducedPath } from "../publish/layout.ts";
import type { Part } from "../publish/publish-way.ts";
import { checkRowsRead, dividedInto, reduceByTasks } from "./reduce-by-tasks.ts";
import type { ReduceOptions } from "./reduce-options.ts";
import { checkSources } from "./reduce-sources.ts";

/**
 * Runs the `final` of every reduction over all committed partials. Stages `_reduced/<name>.pq` durably, or
 * the parts of `_reduced/<name>/`. First checks each file against its manifest again, once.
 *
 * Law `same-commits-same-output`: the same partials give the same bytes after any restart, too. One thread
 * reads the files in plan order (see LockedDatabase).
 *
 * @returns the files in the order of the job file, with paths relative to the output folder
 * @throws {PARTIAL_INVALID} with the fields shard, digest and path: that shard must run again
 * @throws {SQL_INVALID} {SQL_FAILED}
 * @throws {MODEL_CHANGED} when a table's file is missing, or has other bytes than planned
 * @throws errors of `runTasks`
 * @throws the signal's reason once it aborts
 */
export async function reducePartials(options: ReduceOptions): Promise<readonly Part[]> {
  const { signal, storage, paths, reductions = {}, tables = {}, fields } = options;
  signal.throwIfAborted();
  const reducedFolder = below(paths.stage, OUTPUT_FOLDERS.reduced);
  await storage.remove(reducedFolder, signal);
  const reduce = Object.entries(options.reduce);
  if (reduce.length === 0) return [];
  await mkdir(paths.temp, { recursive: true });
  await stepFilesHere(Object.values(tables));
  const divided = new Map(reduce.flatMap(([name]) => dividedInto(name, options)));
  const own = reduce.filter(([name]) => !divided.has(name));
  const sources = await checkSources({ ...options, reduce: Object.fromEntries(own) });
  const parts: Part[] = [];
  for (const [name, spec] of reduce) {
    assert(isFileName(name), `reduction ${JSON.stringify(name)} can be a file's name`);
    const reduction = { name, spec, binding: reductions[name] ?? null, tables, fields };
    const scanned = sources.get(isCombined(spec) ? name : null) ?? [];
    const tasks = divided.get(name);
    if (tasks !== undefined) {
      const byItself = async () => {
        const checked = await checkSources({ ...options, reduce: { [name]: spec } });
        return await reduceByKey(reduction, checked.get(name) ?? [], options);
      };
      parts.push(...(await reduceByTasks(reduction, tasks, { ...options, byItself })));
    } else if (spec.by !== undefined) parts.push(...(await reduceByKey(reduction, scanned, options)));
    else {
      const made = { ...reduction, files: scanned, range: null, path: reducedPath(name) };
      parts.push((await stagePart(made, options)).part);
    }
  }
  return parts;
}

/**
 * Reduces ranges of buckets, each by a process of its own. Together they hold all rows, and all rows of a key
 * are in one of them.
 */
async function reduceByKey(
  reduction: PartReduction,
  files: readonly ScanFile[],
  options: ReduceOptions,
): Promise<readonly Part[]> {
  const { name } = reduction;
  const ranges = divideBuckets(sum(files.map(({ bytes }) => bytes)), options.partBytes);
  const memory = partMemoryBytes();
  const atOnce = Math.max(1, Math.min(availableParallelism(), Math.floor(defaultMemoryBytes() / memory)));
  const limited = { ...options, memoryLimitBytes: options.memoryLimitBytes ?? memory };
  const made = await mapConcurrent(ranges, atOnce, (range, index) =>
    stagePart({ ...reduction, files, range, path: reducedPartPath(name, index, ranges.length) }, limited),
  );
  const tables = options.partials.map((partial) => reducedFile(partial, name));
  checkRowsRead(name, tables, sum(made.map(({ rowsRead }) => rowsRead ?? 0)));
  return made.map(({ part }) => part);
}

interface StagedPart extends PartReduction {
  readonly files: readonly ScanFile[];
  readonly range: BucketRange | null;
  /** Path of its result in the output folder. */
  readonly path: string;
}

/** Reduces a part, and stages the result durably. */
async function stagePart(
  { path, ...reduced }: StagedPart,
  options: ReduceOptions,
): Promise<{ readonly part: Part; readonly rowsRead: number | null }> {
  const { paths, storage, signal, memoryLimitBytes, mergeLimits, open } = options;
  const scratch = join(paths.temp, `reduce-${path.replaceAll("/", "-")}`);
  await mkdir(scratch, { recursive: true });
  const reducedFolder = below(paths.stage, OUTPUT_FOLDERS.reduced);
  const folders = [paths.temp, ...[paths.partials, reducedFolder].filter(isOnThisMachine)];
  const from = below(paths.stage, path);
  try {
    return await makeFile(from, { storage, scratch: paths.temp, signal }, async (target) => {
      const place = { scratch, folders, target, signal, memoryLimitBytes, mergeLimits, open };
      const { rows, rowsRead } = await reducePart(reduced, place);
      const output = { path, kind: "reduced" as const, rows, ...(await digestFile(target, signal)) };
      return { part: { output, from }, rowsRead };
    });
  } finally {
    await rm(scratch, { recursive: true, force: true });
  }
}

function isFileName(name: string): boolean {
  return name !== "" && !name.startsWith(".") && !/[/\\\0]/.test(name);
}

function sum(numbers: readonly number[]): number {
  return numbers.reduce((total, number) => total + number, 0);
}
