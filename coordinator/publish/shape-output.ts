import { availableParallelism } from "node:os";
import { join } from "node:path";
import { present } from "../../shared/core/assert.ts";
import { mapConcurrent } from "../../shared/core/map-concurrent.ts";
import { assertLaw } from "../../shared/domain/laws.ts";
import { below, type Location } from "../../shared/domain/location.ts";
import { OUTPUT_FOLDERS } from "../../shared/domain/manifest.ts";
import { numbersOfPart } from "../../shared/domain/partial-layout.ts";
import { sortAllLimits } from "../../shared/domain/sort-memory.ts";
import { checkRows, partName } from "../../shared/rows/plan-parts.ts";
import type { PartFile, PartForm } from "../../shared/rows/write-parts.ts";
import { defaultMemoryBytes } from "../../shared/sql/locking.ts";
import type { Part } from "./publish-way.ts";
import {
  type OutputShape,
  type OutputToShape,
  type PlannedOutput,
  type PlannedPart,
  planOutput,
} from "./shape/plan-output.ts";
import { openShapeThread } from "./shape/shape-apart.ts";
import type { RunTasks } from "./tasks-to-run.ts";

/** File of a part, and where it is. */
interface MadeFile extends Omit<Part, "output"> {
  readonly file: Pick<PartFile, "rows" | "bytes" | "sha256">;
  readonly part: PlannedPart;
}

/**
 * Rewrites the rows of committed partials to other files, on workers or in threads. The same partials give
 * the same bytes. Once the signal aborts, waits until the threads have closed their files.
 *
 * @param onWritten gets the number of rows that threads have written so far
 * @throws {OUTPUT_FAILED} for too many folders, or a value with no valid folder name
 */
export async function shapeOutput(
  { runTasks, ...output }: OutputToShape & { readonly runTasks: RunTasks | undefined },
  onWritten: (rows: number) => void,
  signal: AbortSignal,
): Promise<readonly Part[]> {
  const planned = await planOutput(output, signal);
  const byTasks =
    runTasks === undefined || !planned.isForWorkers
      ? null
      : await byWorkers({ ...output, runTasks }, planned, signal);
  const made = byTasks ?? (await byThreads(output, planned, onWritten, signal));
  const numbers = new Map<string, number>();
  return made.map(({ file: { rows, bytes, sha256 }, part: { folder, count }, from }) => {
    const number = numbers.get(folder) ?? 0;
    numbers.set(folder, number + 1);
    const path = `${OUTPUT_FOLDERS.rows}${folder}/${partName(number, count, output.shape.ending)}`;
    return { output: { path, kind: "rows", rows, bytes, sha256 }, from };
  });
}

/** Folder of files before they get their names, which depend on the number of files before them. */
export function madeFolder(stage: Location): Location {
  return below(stage, "made");
}

/**
 * Writes the parts on workers.
 *
 * @returns null: no worker runs them, or there is one task, for which a lease would take longer
 */
async function byWorkers(
  { shape, commits, runTasks }: OutputToShape & { readonly runTasks: RunTasks },
  planned: PlannedOutput,
  signal: AbortSignal,
): Promise<readonly MadeFile[] | null> {
  const tasks = [...planned.tasks()];
  if (tasks.length < 2) return null;
  const parts = tasks.flat();
  let next = 0;
  const ranges = tasks.map(({ length }) => {
    next += length;
    return { from: next - length, to: next };
  });
  const rows = partFormOf(shape);
  const tables = planned.files.map(({ location, bytes, sha256, rows }) => ({
    location,
    bytes,
    sha256,
    rows,
  }));
  const toRun = { kind: "rows" as const, rows, tables, parts: parts.map((part) => part.ranges), ranges };
  const results = await runTasks({ ...toRun, commits }, signal);
  if (results === null) return null;
  for (const { commits: of } of results)
    assertLaw("reduced-of-the-commits", of === commits, "a part of the output is of other commits");
  const made = results.map(({ file, from }) => ({ numbers: numbersOfPart(file.name), file, from }));
  made.sort(({ numbers: a }, { numbers: b }) => a.part - b.part || a.file - b.file);
  const written = parts.map(() => 0);
  for (const { numbers, file } of made) written[numbers.part] = (written[numbers.part] ?? 0) + file.rows;
  for (const [number, { ranges: due }] of parts.entries()) checkRows(number, written[number] ?? 0, due);
  return made.map(({ numbers, file, from }) => ({
    file,
    from,
    part: present(parts[numbers.part], "a part"),
  }));
}

async function byThreads(
  { folder, scratch, shape }: OutputToShape,
  { files, tasks }: PlannedOutput,
  onWritten: (rows: number) => void,
  signal: AbortSignal,
): Promise<readonly MadeFile[]> {
  let done = 0;
  const onEvent = (rows: number) => {
    done += rows;
    onWritten(done);
  };
  let next = 0;
  const made = await mapConcurrent(tasks(), tasksAtOnce(), async (planned) => {
    const first = next;
    next += planned.length;
    const at = { folder, scratch: join(scratch, `parts-${first}`), stores: shape.stores };
    const parts = planned.map(({ ranges }) => ranges);
    await using thread = openShapeThread();
    const written = await thread.call(
      "writeParts",
      { ...partFormOf(shape), files, parts, first, at },
      { onEvent, onAbort: "wait", signal },
    );
    signal.throwIfAborted();
    return written.map(({ part, ...file }) => {
      return { file, from: below(folder, file.name), part: present(planned[part - first], "a planned part") };
    });
  });
  return made.flat();
}

function partFormOf({ format, ending, form, isSortedAcross, partitionBy }: OutputShape): PartForm {
  return { format, ending, form, isSortedAcross, partitionBy };
}

/** Half of the memory may be used, and each thread takes as much as a part that is sorted. */
function tasksAtOnce(): number {
  const { partMemory } = sortAllLimits();
  return Math.max(1, Math.min(availableParallelism(), Math.floor((2 * defaultMemoryBytes()) / partMemory)));
}
