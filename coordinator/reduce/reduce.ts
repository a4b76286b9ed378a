import { mkdir } from "node:fs/promises";
import { availableParallelism } from "node:os";
import { assert } from "../../shared/core/assert.ts";
import { mapConcurrent } from "../../shared/core/map-concurrent.ts";
import { divideBuckets } from "../../shared/domain/buckets.ts";
import { assertLaw } from "../../shared/domain/laws.ts";
import { below } from "../../shared/domain/location.ts";
import { OUTPUT_FOLDERS, type OutputFile } from "../../shared/domain/manifest.ts";
import { reducedFile } from "../../shared/domain/partial-layout.ts";
import { isCombined } from "../../shared/domain/reduction-binding.ts";
import { defaultMemoryBytes } from "../../shared/sql/locking.ts";
import { stepFilesHere } from "../../shared/storage/step-files.ts";
import { reducedPartPath, reducedPath } from "../publish/layout.ts";
import type { ReduceOptions } from "./reduce-options.ts";
import { type ReducePart, reducePart } from "./reduce-part.ts";
import { checkSources } from "./reduce-sources.ts";

/** Memory limit of one part of a reduction by key. Its groups spill when they need more. */
const PART_MEMORY_BYTES = 2 ** 30;

/**
 * Runs the `final` of every reduction over all committed partials. Stages `_reduced/<name>.pq` durably, or
 * the parts of `_reduced/<name>/`.
 * First checks each file against its manifest again, once.
 *
 * Law `same-commits-same-output`: the same partials give the same bytes after any restart, too. One thread
 * reads the files in plan order (see LockedDatabase).
 *
 * @returns the staged files in the order of the job file, with paths relative to the output folder
 * @throws {PARTIAL_INVALID} with the fields shard, digest and path: that shard must run again
 * @throws {SQL_INVALID} {SQL_FAILED}
 * @throws {MODEL_CHANGED} when a table's file is missing, or has other bytes than planned
 * @throws the signal's reason once it aborts
 */
export async function reducePartials(options: ReduceOptions): Promise<readonly OutputFile[]> {
  const { signal, storage, paths } = options;
  signal.throwIfAborted();
  const { temp } = paths;
  const reducedFolder = below(paths.stage, OUTPUT_FOLDERS.reduced);
  await storage.remove(reducedFolder, signal);
  const reductions = Object.entries(options.reduce);
  if (reductions.length === 0) return [];
  await mkdir(temp, { recursive: true });
  const { tables = {} } = options;
  await stepFilesHere(Object.values(tables));
  await stepFilesHere(Object.values(options.tables ?? {}));
  const sources = await checkSources(options);
  const files: OutputFile[] = [];
  for (const [name, spec] of reductions) {
    assert(isFileName(name), `reduction ${JSON.stringify(name)} can be a file's name`);
    const scanned = sources.get(isCombined(spec) ? name : null) ?? [];
    files.push(...(await reduceOne({ name, spec, files: scanned }, options)));
  }
  return files;
}

async function reduceOne(
  reduction: Pick<ReducePart, "name" | "spec" | "files">,
  options: ReduceOptions,
): Promise<readonly OutputFile[]> {
  const { name, spec } = reduction;
  if (spec.by !== undefined) return await reduceByKey(reduction, options);
  const { file } = await reducePart({ ...reduction, range: null, path: reducedPath(name) }, options);
  return [file];
}

/**
 * Reduces ranges of buckets, each by a process of its own. Together they hold all rows, and all rows of a key
 * are in one of them. A part's memory limit is the same on each machine that has as much. So a part that
 * spills is the same everywhere.
 */
async function reduceByKey(
  reduction: Pick<ReducePart, "name" | "spec" | "files">,
  options: ReduceOptions,
): Promise<readonly OutputFile[]> {
  const { name, files } = reduction;
  const ranges = divideBuckets(sum(files.map(({ bytes }) => bytes)), options.partBytes);
  const memory = Math.min(PART_MEMORY_BYTES, defaultMemoryBytes());
  const atOnce = Math.max(1, Math.min(availableParallelism(), Math.floor(defaultMemoryBytes() / memory)));
  const limited = { ...options, memoryLimitBytes: options.memoryLimitBytes ?? memory };
  const parts = await mapConcurrent(ranges, atOnce, (range, index) =>
    reducePart({ ...reduction, range, path: reducedPartPath(name, index, ranges.length) }, limited),
  );
  const read = sum(parts.map(({ rowsRead }) => rowsRead ?? 0));
  const rows = sum(options.partials.map((partial) => reducedFile(partial, name).rows));
  assertLaw("counts-agree", read === rows, `the parts of ${name} read ${read} of ${rows} rows`);
  return parts.map(({ file }) => file);
}

function isFileName(name: string): boolean {
  return name !== "" && !name.startsWith(".") && !/[/\\\0]/.test(name);
}

function sum(numbers: readonly number[]): number {
  return numbers.reduce((total, number) => total + number, 0);
}
