import { cellsOf } from "../../../shared/dataset/cell-reader.ts";
import { FormatReaders, fetchIn, openInputFile } from "../../../shared/dataset/open-input-file.ts";
import { columnData } from "../../../shared/dataset/record-batch.ts";
import { loadStepDrafts } from "../../../shared/domain/features.ts";
import type { LeaseSlice } from "../../../shared/domain/job.ts";
import type { JobStores } from "../../../shared/domain/job-stores.ts";
import type { Location } from "../../../shared/domain/location.ts";
import type { FeatureData } from "../../../shared/domain/step-binding.ts";
import type { SeenFiles } from "../../../shared/extension/feature-draft.ts";
import { Storages } from "../../../shared/storage/open-storage.ts";
import { byteSource } from "../../../shared/storage/storage.ts";
import { lookAtFiles } from "./look-at-files.ts";

/** Rows of the input, with some of their columns. */
interface Cells {
  readonly slices: readonly LeaseSlice[];
  readonly columns: readonly string[];
}

/** Question to the sampling process. Plain JSON. */
export interface SampleQuestion {
  readonly stores: JobStores;
  /** Cells that may hold or name files. */
  readonly files: Cells;
  /** Numeric columns that may have nulls. */
  readonly numbers: Cells;
  /** Folders that relative paths may start from, the most likely first. */
  readonly folders: readonly Location[];
  /** Cells to measure by a file, for inputs that steps make. */
  readonly measured: readonly (Cells & { readonly key: string; readonly file: Location })[];
}

/** Reply of the sampling process. */
export interface SampleFindings {
  readonly files: readonly (readonly [column: string, SeenFiles])[];
  readonly nulls: readonly string[];
  readonly measured: Readonly<Record<string, FeatureData>>;
}

/**
 * Inspects rows of the input, and decodes files in them. Runs in a process that may be killed.
 *
 * @throws the errors of reading the rows
 */
export async function lookAtRows(question: SampleQuestion, signal: AbortSignal): Promise<SampleFindings> {
  const { stores, folders } = question;
  await using storages = new Storages({}, stores);
  const files: [string, SeenFiles][] = [];
  for (const [column, cells] of await readCells(question.files, storages, signal)) {
    const present = cells.filter((cell) => cell !== null);
    const seen = await lookAtFiles(present, { storages, folders, signal });
    if (seen !== null) files.push([column, seen]);
  }
  const numbers = await readCells(question.numbers, storages, signal);
  const nulls = [...numbers].filter(([, cells]) => cells.includes(null)).map(([column]) => column);
  return { files, nulls, measured: await measure(question, storages, signal) };
}

async function measure(
  { measured }: SampleQuestion,
  storages: Storages,
  signal: AbortSignal,
): Promise<SampleFindings["measured"]> {
  const drafts = measured.length === 0 ? null : await loadStepDrafts();
  const found: Record<string, FeatureData> = {};
  for (const { key, file, ...cells } of measured) {
    const read = await readCells(cells, storages, signal);
    const data = (await drafts?.get(key)?.measure(read, file, { storages, signal })) ?? null;
    if (data !== null) found[key] = data;
  }
  return found;
}

/** Reads the cells of all rows, by column. A bad row has nulls. */
async function readCells(
  { slices, columns }: Cells,
  storages: Storages,
  signal: AbortSignal,
): Promise<ReadonlyMap<string, readonly unknown[]>> {
  await using readers = new FormatReaders();
  const cells = new Map<string, unknown[]>(columns.map((name) => [name, []]));
  for (const { file, rowStart, rowEnd } of columns.length === 0 ? [] : slices) {
    const source = byteSource(await storages.at(file.path), file.path, file.bytes);
    using open = await openInputFile(source, file, { readers, fetch: fetchIn(storages), signal });
    const onBadRow = () => {};
    for await (const batch of open.read({ rowStart, rowEnd, columns, signal, onBadRow }))
      for (const [name, values] of cells) values.push(...cellsOf(columnData(batch, name)));
  }
  return cells;
}
