import { sha256 } from "../shared/core/digest.ts";
import type { BucketRange } from "../shared/domain/buckets.ts";
import type { InputFile } from "../shared/domain/dataset.ts";
import type { ExecutionId } from "../shared/domain/execution-id.ts";
import type { Lease } from "../shared/domain/job.ts";
import { below, folderOf, type Location, nameOf } from "../shared/domain/location.ts";
import type { PartialFile, PartialManifest } from "../shared/domain/partial.ts";
import { partialDigest } from "../shared/domain/partial-digest.ts";
import { bucketRangeOf, type TableFile, taskCounts } from "../shared/domain/reduction-tasks.ts";
import { wrongDigest, wrongSize } from "../shared/storage/errors.ts";
import type { Storage } from "../shared/storage/storage.ts";
import { decodeLines, inRange, type Line } from "./sim-files.ts";

/** Returns the list of tables that a lease of a task reads. Null: the lease is of a shard. */
export function taskListOf({ slices }: Lease): InputFile | null {
  const file = slices[0]?.file;
  return file !== undefined && nameOf(file.path) === "tables.json" ? file : null;
}

/** Returns the folder for the results of the tasks that read a list. */
export function taskPartials(list: Location): Location {
  return below(folderOf(list), "partials");
}

/** Lines of a task's buckets, in the order of the tables, and the number of lines that it read. */
interface Reduced {
  readonly lines: readonly Line[];
  readonly rowsRead: number;
}

interface TaskPlace {
  readonly storage: Pick<Storage, "read" | "stat">;
  readonly signal: AbortSignal;
  /** Takes the time that a table takes. */
  readonly onTable: () => Promise<void>;
}

/**
 * Reduces a task's buckets as a worker does. The list is checked by its digest, and the tables by their size.
 *
 * @throws {STORE_FAILED} when the list or a table is not the coordinator's
 */
export async function reduceTask(
  list: InputFile,
  range: BucketRange,
  { storage, signal, onTable }: TaskPlace,
): Promise<Reduced> {
  const bytes = await storage.read(list.path, 0, list.bytes, { signal });
  const found = sha256(bytes);
  if (found !== list.footerSha256) throw wrongDigest(list.path, list.footerSha256, found);
  const tables = JSON.parse(Buffer.from(bytes).toString("utf8")) as readonly TableFile[];
  const lines: Line[] = [];
  for (const { location, bytes } of tables) {
    await onTable();
    const found = await storage.stat(location, signal);
    if (found.bytes !== bytes) throw wrongSize(location, bytes, found.bytes);
    lines.push(...inRange(decodeLines(await storage.read(location, 0, bytes, { signal })), range));
  }
  return { lines, rowsRead: lines.length };
}

/** Returns the partial of a finished task, whose file is its result. */
export function taskManifest(
  { shard, token }: Lease,
  executionId: ExecutionId,
  { lines, rowsRead }: Reduced,
  files: readonly PartialFile[],
): PartialManifest {
  return {
    shard: shard.id,
    token,
    executionId,
    ...taskCounts(bucketRangeOf(shard), lines.length, rowsRead),
    firstDeadLetter: null,
    files,
    digest: partialDigest(files),
  };
}
