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

/** Part of a reduction by key. */
interface Task extends ReducePart {
  readonly range: BucketRange;
}

interface TaskPlace extends Omit<PartPlace, "target"> {
  readonly sink: PartialSink;
}

const ROWS: Pick<PartialFile, "kind" | "name"> = { kind: "rows", name: "rows.parquet" };

/**
 * Reduces a task's buckets, and stores the result as the rows of its partial. When this fails or is aborted,
 * there is no partial.
 *
 * @throws errors of `reducePart` and of the sink
 */
export async function runTask(
  task: Task,
  of: Pick<Lease, "shard" | "token"> & { readonly executionId: ExecutionId },
  { sink, ...place }: TaskPlace,
): Promise<PartialManifest> {
  const { signal, folders } = place;
  try {
    const target = join(sink.path, ROWS.name);
    const { rows, rowsRead } = await reducePart(task, { ...place, target, folders: [...folders, sink.path] });
    const files = [{ ...ROWS, rows, ...(await digestFile(target, signal)) }];
    await sink.seal(files, signal);
    signal.throwIfAborted();
    return {
      shard: of.shard.id,
      token: of.token,
      executionId: of.executionId,
      ...taskCounts(task.range, rows, present(rowsRead, "the rows of a range are counted")),
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
