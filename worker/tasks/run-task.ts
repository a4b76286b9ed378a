import { join } from "node:path";
import { present } from "../../shared/core/assert.ts";
import { digestFile } from "../../shared/core/digest.ts";
import type { BucketRange } from "../../shared/domain/buckets.ts";
import type { ExecutionId } from "../../shared/domain/execution-id.ts";
import type { Lease } from "../../shared/domain/job.ts";
import type { PartialFile, PartialManifest } from "../../shared/domain/partial.ts";
import { partialDigest } from "../../shared/domain/partial-digest.ts";
import { taskCounts } from "../../shared/domain/reduction-tasks.ts";
import { type PartPlace, type ReducePart, reducePart } from "../../shared/reduce/reduce-part.ts";
import type { PartialSink } from "../write/partial-sink.ts";

/** Files of a finished task, and the rows that it read for them. */
interface Made {
  readonly files: readonly PartialFile[];
  readonly rowsRead: number;
}

const ROWS: Pick<PartialFile, "kind" | "name"> = { kind: "rows", name: "rows.parquet" };

/**
 * Runs a task, and stores its files as its partial. When this fails or is aborted, there is no partial.
 *
 * @param make writes the files to the folder of the sink
 * @throws errors of `make` and of the sink
 */
export async function runTask(
  attempt: Pick<Lease, "shard" | "token"> & {
    readonly range: BucketRange;
    readonly executionId: ExecutionId;
  },
  sink: PartialSink,
  make: (folder: string) => Promise<Made>,
  signal: AbortSignal,
): Promise<PartialManifest> {
  const { shard, token, range, executionId } = attempt;
  try {
    const { files, rowsRead } = await make(sink.path);
    await sink.seal(files, signal);
    signal.throwIfAborted();
    const rows = files.reduce((sum, file) => sum + file.rows, 0);
    return {
      shard: shard.id,
      token,
      executionId,
      ...taskCounts(range, rows, rowsRead),
      firstDeadLetter: null,
      files,
      digest: partialDigest(files),
    };
  } catch (error) {
    // The coordinator's sweep removes what remains. The original error matters more.
    await sink.discard().catch(() => {});
    throw error;
  }
}

/**
 * Reduces the buckets of a task to a file in `folder`.
 *
 * @throws errors of `reducePart`
 */
export async function reduceTask(
  part: ReducePart,
  folder: string,
  place: Omit<PartPlace, "target">,
): Promise<Made> {
  const target = join(folder, ROWS.name);
  const { rows, rowsRead } = await reducePart(part, {
    ...place,
    target,
    folders: [...place.folders, folder],
  });
  const file = { ...ROWS, rows, ...(await digestFile(target, place.signal)) };
  return { files: [file], rowsRead: present(rowsRead, "the rows of a range are counted") };
}
