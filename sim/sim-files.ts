import { checkFileDigest } from "../coordinator/commit/check-file.ts";
import type { CountRows } from "../coordinator/commit/row-counter.ts";
import { reducedPartPath, reducedPath } from "../coordinator/publish/layout.ts";
import type { writePoisonedRows } from "../coordinator/publish/poisoned-rows.ts";
import type { Part } from "../coordinator/publish/publish-way.ts";
import { checkRowsRead, dividedInto, reduceByTasks } from "../coordinator/reduce/reduce-by-tasks.ts";
import type { ReduceOptions } from "../coordinator/reduce/reduce-options.ts";
import { checkSources } from "../coordinator/reduce/reduce-sources.ts";
import { NEVER } from "../shared/core/abort.ts";
import { present } from "../shared/core/assert.ts";
import { sha256 } from "../shared/core/digest.ts";
import { mapConcurrent } from "../shared/core/map-concurrent.ts";
import { BUCKETS, type BucketRange, divideBuckets } from "../shared/domain/buckets.ts";
import { below, type Location, parseLocation } from "../shared/domain/location.ts";
import { OUTPUT_FOLDERS } from "../shared/domain/manifest.ts";
import { reducedFile } from "../shared/domain/partial-layout.ts";
import { isCombined } from "../shared/domain/reduction-binding.ts";
import { isOnThisMachine } from "../shared/storage/local-paths.ts";
import { sourceOfBytes } from "../shared/storage/put-source.ts";
import { rowName } from "./sim-plan.ts";

/*
 * The simulated "Parquet" has one line per row. A rows file has `path:row variant`, a dead-letters file
 * `path:row code`, and a combined table one line `rows variant`. A table in the order of its buckets has the
 * lines of the rows file. The variant differs between executions, as a GPU's last bits do.
 */

export interface Line {
  readonly key: string;
  readonly rest: string;
}

export function encodeLines(lines: readonly Line[]): Buffer {
  return Buffer.from(lines.map(({ key, rest }) => `${key} ${rest}\n`).join(""), "utf8");
}

export function decodeLines(bytes: Uint8Array): Line[] {
  const text = Buffer.from(bytes).toString("utf8");
  return text
    .split("\n")
    .slice(0, -1)
    .map((line) => {
      const space = line.indexOf(" ");
      return { key: line.slice(0, space), rest: line.slice(space + 1) };
    });
}

export const simCountRows: CountRows = async (file) => {
  return decodeLines(await file.read(0, file.bytes, NEVER)).length;
};

/** Returns the bucket of a row's key, which is its name. */
export function bucketOf(key: string): number {
  return Number.parseInt(sha256(key).slice(0, 8), 16) % BUCKETS;
}

/** Returns the lines whose keys are in these buckets. */
export function inRange(lines: readonly Line[], { from, to }: BucketRange): Line[] {
  return lines.filter(({ key }) => bucketOf(key) >= from && bucketOf(key) < to);
}

/**
 * Does the steps of the real reduction on the simulated storage. Its "SQL" concatenates lines. A reduction by
 * key takes the real way to tasks.
 */
export async function simReduce(options: ReduceOptions): Promise<readonly Part[]> {
  const { paths, storage, signal, reduce, reductions = {}, tables = {}, fields } = options;
  signal.throwIfAborted();
  await storage.remove(below(paths.stage, OUTPUT_FOLDERS.reduced), signal);
  const parts: Part[] = [];
  for (const [name, spec] of Object.entries(reduce)) {
    const byItself = () => reduceHere(name, options);
    const reduction = { name, spec, binding: reductions[name] ?? null, tables, fields };
    const tasks = new Map(dividedInto(name, options)).get(name);
    const made = tasks && (await reduceByTasks(reduction, tasks, { ...options, byItself }));
    parts.push(...(made ?? (await byItself())));
  }
  return parts;
}

/** Reduces in the coordinator. With keys, each range of buckets is a part. */
async function reduceHere(name: string, options: ReduceOptions): Promise<readonly Part[]> {
  const { partials, paths, storage, signal, partBytes } = options;
  const spec = present(options.reduce[name], "a reduction of the job");
  const lines: Line[] = [];
  const table = isCombined(spec) ? name : null;
  // The real reduction makes copies on a real disk.
  const located = isOnThisMachine(paths.partials)
    ? ((await checkSources({ ...options, reduce: { [name]: spec } })).get(table) ?? []).map(
        ({ path, bytes }) => ({ location: parseLocation(path), bytes }),
      )
    : await checkedInBucket(table, options);
  for (const { location, bytes } of located)
    lines.push(...decodeLines(await storage.read(location, 0, bytes, { signal })));
  const put = async (path: string, own: readonly Line[]): Promise<Part> => {
    const from = below(paths.stage, path);
    const stored = await storage.put(from, sourceOfBytes(encodeLines(own)), { signal });
    return { from, output: { path, kind: "reduced", rows: own.length, ...stored } };
  };
  if (spec.by === undefined) return [await put(reducedPath(name), lines)];
  const ranges = divideBuckets(
    located.reduce((sum, { bytes }) => sum + bytes, 0),
    partBytes,
  );
  const parts: Part[] = [];
  for (const [index, range] of ranges.entries())
    parts.push(await put(reducedPartPath(name, index, ranges.length), inRange(lines, range)));
  const read = parts.reduce((sum, { output }) => sum + output.rows, 0);
  checkRowsRead(
    name,
    partials.map((partial) => reducedFile(partial, name)),
    read,
  );
  return parts;
}

async function checkedInBucket(
  table: string | null,
  { paths, partials, storage, signal }: ReduceOptions,
): Promise<readonly { readonly location: Location; readonly bytes: number }[]> {
  return await mapConcurrent(partials, 16, async (partial) => {
    const file = reducedFile(partial, table);
    return {
      location: await checkFileDigest(paths.partials, partial, file, { storage, signal }),
      bytes: file.bytes,
    };
  });
}

export const simWritePoisoned: typeof writePoisonedRows = async ({ to, deadLetters, place }) => {
  const lines = deadLetters.map(({ file, row, code }) => ({ key: rowName(file, row), rest: code }));
  return {
    rows: lines.length,
    ...(await place.storage.put(to, sourceOfBytes(encodeLines(lines)), { signal: NEVER })),
  };
};
