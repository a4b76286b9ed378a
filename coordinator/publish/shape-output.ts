import { availableParallelism } from "node:os";
import { join } from "node:path";
import { present } from "../../shared/core/assert.ts";
import { mapConcurrent } from "../../shared/core/map-concurrent.ts";
import { below, type Location } from "../../shared/domain/location.ts";
import { OUTPUT_FOLDERS } from "../../shared/domain/manifest.ts";
import { sortAllLimits } from "../../shared/domain/sort-memory.ts";
import { partName } from "../../shared/rows/plan-parts.ts";
import { defaultMemoryBytes } from "../../shared/sql/locking.ts";
import type { Part } from "./publish-way.ts";
import { type OutputToShape, planOutput } from "./shape/plan-output.ts";
import { openShapeThread } from "./shape/shape-apart.ts";

/**
 * Rewrites the rows of committed partials to other files, in threads. The same partials give the same bytes.
 * `onWritten` gets the number of rows written so far. Once the signal aborts, waits until the threads have
 * closed their files.
 *
 * @throws {OUTPUT_FAILED} for too many folders, or a value with no valid folder name
 */
export async function shapeOutput(
  output: OutputToShape,
  onWritten: (rows: number) => void,
  signal: AbortSignal,
): Promise<readonly Part[]> {
  const { folder, scratch, shape } = output;
  const { format, ending, form, isSortedAcross, partitionBy, stores } = shape;
  const { files, tasks } = await planOutput(output, signal);
  let done = 0;
  const onEvent = (rows: number) => {
    done += rows;
    onWritten(done);
  };
  let next = 0;
  const made = await mapConcurrent(tasks, tasksAtOnce(), async ({ parts, isHeld }) => {
    const first = next;
    next += parts.length;
    const task = { files, format, ending, form, isSortedAcross, partitionBy, isHeld, first };
    const at = { folder, scratch: join(scratch, `parts-${first}`), stores };
    await using thread = openShapeThread();
    const written = await thread.call(
      "writeParts",
      { ...task, parts: parts.map(({ ranges }) => ranges), at },
      { onEvent, onAbort: "wait", signal },
    );
    signal.throwIfAborted();
    return written.map(({ part, ...file }) => ({
      file,
      part: present(parts[part - first], "a planned part"),
    }));
  });
  const numbers = new Map<string, number>();
  return made.flat().map(({ file: { name, ...file }, part }) => {
    const number = numbers.get(part.folder) ?? 0;
    numbers.set(part.folder, number + 1);
    const path = `${OUTPUT_FOLDERS.rows}${part.folder}/${partName(number, part.count, ending)}`;
    return { output: { path, kind: "rows", ...file }, from: below(folder, name) };
  });
}

/** Folder of files before they get their names, which depend on the number of files before them. */
export function madeFolder(stage: Location): Location {
  return below(stage, "made");
}

/** Half of the memory may be used, and each thread takes as much as a part that is sorted. */
function tasksAtOnce(): number {
  const { partMemory } = sortAllLimits();
  return Math.max(1, Math.min(availableParallelism(), Math.floor((2 * defaultMemoryBytes()) / partMemory)));
}
