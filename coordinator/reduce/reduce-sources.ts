import { assert } from "../../shared/core/assert.ts";
import { mapConcurrent } from "../../shared/core/map-concurrent.ts";
import type { JobSpec } from "../../shared/domain/job-spec.ts";
import type { PartialManifest } from "../../shared/domain/partial.ts";
import { reducedFile } from "../../shared/domain/partial-layout.ts";
import { isCombined } from "../../shared/domain/reduction-binding.ts";
import type { TableFile } from "../../shared/domain/reduction-tasks.ts";
import type { ScanFile } from "../../shared/reduce/merge-small-files.ts";
import { isOnThisMachine } from "../../shared/storage/local-paths.ts";
import type { Storage } from "../../shared/storage/storage.ts";
import { checkedPath, checkFileDigest } from "../commit/check-file.ts";
import type { WorkPaths } from "../publish/work-paths.ts";
import type { ReduceOptions } from "./reduce-options.ts";

interface SourceOptions {
  readonly reduce: JobSpec["reduce"];
  /** Committed partials, in plan order. */
  readonly partials: readonly PartialManifest[];
  readonly paths: Pick<WorkPaths, "partials" | "temp">;
  readonly storage: Storage;
  readonly signal: AbortSignal;
}

/** Files of each table, by the reduction's name. The key `null` is the `rows` table. */
type Sources = ReadonlyMap<string | null, readonly ScanFile[]>;

/** Digests at once: hashing is bound by the disk and by one core. */
const DIGESTS_AT_ONCE = 4;
/** Copies at once, where partials are not on this machine. */
const FETCHES_AT_ONCE = 16;

/**
 * Returns the files that the reductions read, in plan order, each checked against its manifest again. Files
 * off this machine are copied, and the copies are checked.
 *
 * @throws {PARTIAL_INVALID} with the fields shard, digest and path: that shard must run again
 */
export async function checkSources(options: SourceOptions): Promise<Sources> {
  const { reduce, partials, paths, storage, signal } = options;
  const combined = Object.entries(reduce).flatMap(([name, reduction]) =>
    isCombined(reduction) ? [name] : [],
  );
  const usesRows = combined.length < Object.keys(reduce).length;
  const used = partials.flatMap((partial) => {
    const tables = combined.map((table) => ({ partial, table, file: reducedFile(partial, table) }));
    return usesRows ? [...tables, { partial, table: null, file: reducedFile(partial, null) }] : tables;
  });
  const sources = new Map<string | null, ScanFile[]>();
  const atOnce = isOnThisMachine(paths.partials) ? DIGESTS_AT_ONCE : FETCHES_AT_ONCE;
  const found = await mapConcurrent(used, atOnce, ({ partial, file }) =>
    checkedPath(paths.partials, partial, file, { storage, scratch: paths.temp, signal }),
  );
  for (const [index, { table, file }] of used.entries()) {
    const path = found[index];
    assert(path !== undefined, "every used file has a path");
    const files = sources.get(table) ?? [];
    files.push({ path, bytes: file.bytes });
    sources.set(table, files);
  }
  return sources;
}

/**
 * Returns the tables that the tasks of a reduction read, in plan order, each checked against its manifest
 * again. A table is read for this only where the storage keeps no checksums that can be trusted.
 *
 * @throws {PARTIAL_INVALID} with the fields shard, digest and path: that shard must run again
 */
export async function checkTables(
  reduction: string,
  { partials, paths, storage, checksums, signal }: ReduceOptions,
): Promise<readonly TableFile[]> {
  const atOnce = isOnThisMachine(paths.partials) ? DIGESTS_AT_ONCE : FETCHES_AT_ONCE;
  return await mapConcurrent(partials, atOnce, async (partial) => {
    const file = reducedFile(partial, reduction);
    const { rows, bytes, sha256 } = file;
    const access = { storage, checksums, signal };
    return { location: await checkFileDigest(paths.partials, partial, file, access), rows, bytes, sha256 };
  });
}
