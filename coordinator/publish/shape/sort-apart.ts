import { availableParallelism } from "node:os";
import { join } from "node:path";
import { present } from "../../../shared/core/assert.ts";
import { mapConcurrent } from "../../../shared/core/map-concurrent.ts";
import { below } from "../../../shared/domain/location.ts";
import { OUTPUT_FOLDERS, type OutputFile } from "../../../shared/domain/manifest.ts";
import { sortAllLimits } from "../../../shared/domain/sort-memory.ts";
import type { SortLimits } from "../../../shared/rows/cut-sample.ts";
import type { PartRange } from "../../../shared/rows/sort-part.ts";
import { defaultMemoryBytes } from "../../../shared/sql/locking.ts";
import { partName } from "./plan-parts.ts";
import { openShapeThread } from "./shape-apart.ts";
import type { ShapeJob } from "./shape-rows.ts";

/**
 * Sorts the rows of committed partials into one order, part by part, in threads. The first part has the first
 * rows. The same partials give the same bytes. `onWritten` gets the number of rows written so far.
 *
 * Once the signal aborts, waits until the threads have closed their files.
 */
export async function sortRowsApart(
  job: ShapeJob,
  onWritten: (rows: number) => void,
  signal: AbortSignal,
): Promise<readonly OutputFile[]> {
  signal.throwIfAborted();
  const { files, stage, stores, scratch, format, ending, form, sortMemory } = job;
  const limits = sortAllLimits(sortMemory);
  const parts = await planApart(job, limits, signal);
  let done = 0;
  return await mapConcurrent(parts, partsAtOnce(limits), async (ranges, index) => {
    const path = `${OUTPUT_FOLDERS.rows}/${partName(index, parts.length, ending)}`;
    const place = { location: below(stage, path), scratch: join(scratch, `part-${index}`), stage, stores };
    await using thread = openShapeThread();
    const part = { files, ranges, format, ending, form, ...place };
    const written = await thread.call("sortPart", part, { onAbort: "wait", signal });
    signal.throwIfAborted();
    done += written.rows;
    onWritten(done);
    return { path, kind: "rows" as const, ...written };
  });
}

async function planApart(
  { files, stage, stores, format, form: { sort } }: ShapeJob,
  limits: SortLimits,
  signal: AbortSignal,
): Promise<readonly (readonly PartRange[])[]> {
  await using thread = openShapeThread();
  const sampled = files.map((file) => ({ ...file, sample: present(file.sample, "a sorted file's sample") }));
  return await thread.call("planSorted", { files: sampled, stage, stores, format, sort, limits }, { signal });
}

/** Half of the memory may be used, and each part is sorted by one core. */
function partsAtOnce({ partMemory }: SortLimits): number {
  return Math.max(1, Math.min(availableParallelism(), Math.floor((2 * defaultMemoryBytes()) / partMemory)));
}
