import { type RecordBatch, Table } from "apache-arrow";
import { mapConcurrent } from "../core/map-concurrent.ts";
import type { TableFormat } from "../domain/dataset.ts";
import { assertLaw } from "../domain/laws.ts";
import type { SortKey } from "../domain/rows-form.ts";
import { isOnThisMachine } from "../storage/local-paths.ts";
import type { Storage } from "../storage/storage.ts";
import {
  type AllSamples,
  type Cut,
  combineSamples,
  cutSample,
  cutWindow,
  placeCut,
  type SortLimits,
} from "./cut-sample.ts";
import { openRows, type PartRange, type RowsFile } from "./read-ranges.ts";
import { keyColumns } from "./sample-rows.ts";

/** Rows file of a committed partial, in the order of its keys. */
export interface SortedFile extends RowsFile {
  readonly sample: Pick<RowsFile, "location" | "bytes" | "rows">;
}

export interface SortedFiles {
  /** Files in plan order, at least one. */
  readonly files: readonly SortedFile[];
  readonly format: TableFormat;
  readonly sort: readonly SortKey[];
  readonly limits: SortLimits;
}

interface Access {
  readonly storage: Storage;
  readonly signal: AbortSignal;
}

/** Files open at once: reads of this machine are bound by one core, others by round trips. */
const FILES_AT_ONCE = { here: 4, elsewhere: 16 };

/**
 * Plans the parts of an output whose rows are all in one order. Each part has the rows between two keys, as a
 * range of each file. Rows of equal keys are in one part, unless they are too many to be sorted at once.
 *
 * Law `same-commits-same-output`: the parts depend on the files and samples alone.
 */
export async function planSortedParts(sorted: SortedFiles, access: Access): Promise<PartRange[][]> {
  const { files, sort, limits } = sorted;
  const atOnce = files.every(({ location }) => isOnThisMachine(location))
    ? FILES_AT_ONCE.here
    : FILES_AT_ONCE.elsewhere;
  const samples = await mapConcurrent(files, atOnce, ({ sample }) => readSample(sample, sorted, access));
  const all = combineSamples(samples, sort);
  const cuts = cutSample(all, limits);
  const bounds = await mapConcurrent(files, atOnce, async (file, source) => {
    const places = await placeCuts({ all, cuts, file, source }, sorted, access);
    const ends = [0, ...places, file.rows];
    const isRising = ends.every((end, at) => at === 0 || (ends[at - 1] ?? 0) <= end);
    assertLaw("counts-agree", isRising, `parts of ${file.location} begin at rows ${ends.join(", ")}`);
    return ends;
  });
  return Array.from({ length: cuts.length + 1 }, (_, part) =>
    bounds.flatMap((ends, source): PartRange[] => {
      const [rowStart = 0, rowEnd = 0] = [ends[part], ends[part + 1]];
      return rowStart === rowEnd ? [] : [{ source, rowStart, rowEnd }];
    }),
  );
}

async function readSample(
  sample: SortedFile["sample"],
  { format }: SortedFiles,
  access: Access,
): Promise<Table> {
  using file = await openRows(sample, { format, access });
  const columns = file.schema.fields.map(({ name }) => name);
  const batches: RecordBatch[] = [];
  const all = { rowStart: 0, rowEnd: file.rows, columns, signal: access.signal };
  for await (const batch of file.read(all)) batches.push(batch);
  return new Table(file.schema, batches);
}

interface FileToCut {
  readonly all: AllSamples;
  readonly cuts: readonly Cut[];
  readonly file: SortedFile;
  readonly source: number;
}

/** Finds the first row of each part in a file. Reads the keys of few rows around each. */
async function placeCuts(
  { all, cuts, file, source }: FileToCut,
  { format, sort }: SortedFiles,
  access: Access,
): Promise<readonly number[]> {
  const windows = cuts.map((cut) => ({ cut, ...cutWindow(all, cut, source, file.rows) }));
  if (windows.every(({ from, to }) => from === to)) return windows.map(({ from }) => from);
  using opened = await openRows(file, { format, access });
  const places: number[] = [];
  for (const { cut, from, to } of windows) {
    if (from === to) {
      places.push(from);
      continue;
    }
    const batches: RecordBatch[] = [];
    const keys = { rowStart: from, rowEnd: to, columns: keyColumns(sort), signal: access.signal };
    for await (const batch of opened.read(keys)) batches.push(batch);
    places.push(placeCut(all, cut, { batches, file: source, from }, sort));
  }
  return places;
}
