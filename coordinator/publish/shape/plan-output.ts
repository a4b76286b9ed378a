import { join } from "node:path";
import { present } from "../../../shared/core/assert.ts";
import type { Digest } from "../../../shared/core/digest.ts";
import { mapConcurrent } from "../../../shared/core/map-concurrent.ts";
import type { JobStores } from "../../../shared/domain/job-stores.ts";
import { assertLaw } from "../../../shared/domain/laws.ts";
import { below, type Location } from "../../../shared/domain/location.ts";
import type { TableFile } from "../../../shared/domain/reduction-tasks.ts";
import { sortAllLimits } from "../../../shared/domain/sort-memory.ts";
import { parseFolderIndex } from "../../../shared/rows/folder-index.ts";
import { groupParts, planParts, rowsOf, stretchOf } from "../../../shared/rows/plan-parts.ts";
import type { PartRange, RowsFile } from "../../../shared/rows/read-ranges.ts";
import type { RowsShape } from "../../../shared/rows/rows-shape.ts";
import type { Storage } from "../../../shared/storage/storage.ts";
import { readText } from "../../../shared/storage/whole-file.ts";
import { FolderPlan } from "./folder-plan.ts";
import type { OrderedFile } from "./order-file.ts";
import { openShapeThread } from "./shape-apart.ts";

/** Shape of an output, and what its files need. */
export interface OutputShape extends RowsShape {
  readonly stores: JobStores;
  /** Memory to sort a part, where all rows are in one order. Default: that of `sortAllLimits`. */
  readonly sortMemory?: number | undefined;
  /** Bytes that one task reads, about. Default: those of {@link TASK} and {@link HELD_TASK}. */
  readonly partBytes?: number | undefined;
}

/** Rows file of a committed partial. */
export interface ShapedFile extends TableFile {
  /** Null unless all rows are in one order. */
  readonly sample: RowsFile | null;
  /** List of the folders. Null: the output has none, or the partial is of an earlier version. */
  readonly folders: RowsFile | null;
}

export interface OutputToShape {
  readonly shape: OutputShape;
  /** Files in plan order, at least one. */
  readonly files: readonly ShapedFile[];
  /** Digest of the partials of these files. */
  readonly commits: Digest;
  /** Folder of files that are made. The partials' files are in the same storage. */
  readonly folder: Location;
  /** Folder on this machine's disk for this call alone. */
  readonly scratch: string;
  readonly storage: Storage;
}

/** Part of an output: one file, or several if it is too large to be sorted at once. */
export interface PlannedPart {
  readonly ranges: readonly PartRange[];
  /** Bytes of its rows in the partials, or in memory if its task holds them. */
  readonly bytes: number;
  /** Folder below that of all rows: `/day=2026-01-01`. Empty: that of all rows. */
  readonly folder: string;
  /** Number of parts in that folder. */
  readonly count: number;
}

export interface PlannedOutput {
  /** Files in plan order. */
  readonly files: readonly TableFile[];
  /** Yields the parts of each task, in the order of the output. */
  readonly tasks: () => Iterable<readonly PlannedPart[]>;
  /** True: workers can run the tasks. */
  readonly isForWorkers: boolean;
}

/** Limits of a task, which needs a lease and a thread. Ranges take memory, too. */
const TASK = { bytes: 32 << 20, ranges: 100_000 };

/** Limits of a task that holds its rows in memory, and opens each of its files once. */
const HELD_TASK = { bytes: 128 << 20, ranges: 100_000 };

/** Ranges that workers keep, some 50 bytes each. More are planned while the coordinator writes. */
const MOST_RANGES = 500_000;

/** Lists of folders that are read at once. Files without a list take the memory of their rows. */
const LISTS_AT_ONCE = 8;

/**
 * Plans the parts of an output. Without rows, there is one empty part.
 *
 * @throws {OUTPUT_FAILED} for too many folders, or a value with no valid folder name
 */
export async function planOutput(output: OutputToShape, signal: AbortSignal): Promise<PlannedOutput> {
  const { shape, files } = output;
  if (shape.partitionBy.length > 0) return await planFolders(output, signal);
  const parts = shape.isSortedAcross
    ? await planSorted(output, signal)
    : planParts(files.map(stretchOf), shape.limits);
  const all = parts.length === 0 ? [[]] : parts;
  const sized = all.map((ranges) => {
    const bytes = ranges.reduce((sum, range) => sum + rowsOf([range]) * rowBytesOf(files, range), 0);
    return { ranges, bytes, folder: "", count: all.length };
  });
  const tasks = () => groupParts(sized, { ...TASK, bytes: shape.partBytes ?? TASK.bytes });
  return { files, tasks, isForWorkers: true };
}

function rowBytesOf(files: readonly TableFile[], { source }: PartRange): number {
  return stretchOf(present(files[source], "a rows file"), source).rowBytes;
}

async function planSorted(
  { shape, files, folder, scratch }: OutputToShape,
  signal: AbortSignal,
): Promise<readonly (readonly PartRange[])[]> {
  const { format, form, sortMemory, stores } = shape;
  await using thread = openShapeThread();
  const sampled = files.map((file) => ({ ...file, sample: present(file.sample, "a sorted file's sample") }));
  const sorted = { files: sampled, format, sort: form.sort, limits: sortAllLimits(sortMemory) };
  return await thread.call("planSorted", { ...sorted, at: { folder, scratch, stores } }, { signal });
}

/** Reads the lists of folders. Files of earlier versions have none: their rows are ordered now. */
async function planFolders(output: OutputToShape, signal: AbortSignal): Promise<PlannedOutput> {
  const { shape, files } = output;
  const plan = new FolderPlan(shape.partitionBy);
  const hasLists = files.every(({ folders }) => folders !== null);
  const ordered = await mapConcurrent(files, hasLists ? LISTS_AT_ONCE : 1, async (of, source) => {
    const { file, folders } = await listFolders(of, source, output, signal);
    plan.add(source, folders);
    return file;
  });
  const parts = function* (): Generator<PlannedPart> {
    for (const { name, ranges, bytes } of plan.folders()) {
      const rowBytes = bytes / rowsOf(ranges);
      const stretches = ranges.map((range) => ({ ...range, rowBytes: rowBytesOf(ordered, range) }));
      const own = planParts(stretches, shape.limits);
      for (const part of own)
        yield { ranges: part, bytes: rowBytes * rowsOf(part), folder: `/${name}`, count: own.length };
    }
    // An output without rows still needs a schema.
    if (plan.ranges === 0) yield { ranges: [], bytes: 0, folder: "", count: 1 };
  };
  const tasks = () => groupParts(parts(), { ...HELD_TASK, bytes: shape.partBytes ?? HELD_TASK.bytes });
  return { files: ordered, tasks, isForWorkers: hasLists && plan.ranges <= MOST_RANGES };
}

async function listFolders(
  { folders: list, ...file }: ShapedFile,
  source: number,
  { shape, folder, scratch, storage }: OutputToShape,
  signal: AbortSignal,
): Promise<OrderedFile> {
  const { format, partitionBy, stores } = shape;
  if (list === null) {
    await using thread = openShapeThread();
    const ordered = below(folder, `ordered-${source}.${format}`);
    const at = { folder, scratch: join(scratch, `order-${source}`), stores };
    const call = { onAbort: "wait", signal } as const;
    return await thread.call("orderFile", { file, format, partitionBy, ordered, at }, call);
  }
  const { location } = list;
  const folders = parseFolderIndex(await readText(storage, location, signal), location);
  const rows = folders.reduce((sum, each) => sum + each.rows, 0);
  assertLaw("counts-agree", rows === file.rows, `${location} has ${rows} of ${file.rows} rows`);
  return { file, folders };
}
