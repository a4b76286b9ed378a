import { assert } from "../../shared/core/assert.ts";
import { mapConcurrent } from "../../shared/core/map-concurrent.ts";
import type { JobSpec } from "../../shared/domain/job-spec.ts";
import type { PartialManifest } from "../../shared/domain/partial.ts";
import { reducedFile } from "../../shared/domain/partial-layout.ts";
import { isCombined } from "../../shared/domain/reduction-binding.ts";
import { isOnThisMachine } from "../../shared/storage/local-paths.ts";
import type { Storage } from "../../shared/storage/storage.ts";
import { checkedPath } from "../commit/check-file.ts";
import type { WorkPaths } from "../publish/work-paths.ts";
import type { ScanFile } from "./merge-small-files.ts";

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
