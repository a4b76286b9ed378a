import { Vector } from "apache-arrow";
import { columnData } from "../../../shared/dataset/record-batch.ts";
import type { LeaseSlice } from "../../../shared/domain/job.ts";
import type { Location } from "../../../shared/domain/location.ts";
import { Storages } from "../../../shared/storage/open-storage.ts";
import { byteSource } from "../../../shared/storage/storage.ts";
import { openInputFile, TextParsers } from "../../../shared/text-files/open-input-file.ts";
import type { SeenFiles } from "./data-sample.ts";
import { lookAtFiles } from "./look-at-files.ts";

/** What is looked at. Plain JSON: it goes to a process. */
export interface SampleQuestion {
  readonly slices: readonly LeaseSlice[];
  /** Columns whose cells may hold files, or name them. */
  readonly fileColumns: readonly string[];
  /** Where relative paths may start from, the likeliest first. */
  readonly folders: readonly Location[];
}

/** The other way. */
export interface SampleFindings {
  readonly files: readonly (readonly [column: string, SeenFiles])[];
}

/**
 * Looks at rows of the input. For a process that may be ended: they are parsed, and files in them decoded.
 *
 * @throws what reading them throws
 */
export async function lookAtRows(question: SampleQuestion, signal: AbortSignal): Promise<SampleFindings> {
  const { fileColumns, folders } = question;
  await using storages = new Storages();
  const cells = await readCells(question, storages, signal);
  const files: [string, SeenFiles][] = [];
  for (const column of fileColumns) {
    const present = (cells.get(column) ?? []).filter((cell) => cell !== null);
    const seen = await lookAtFiles(present, { storages, folders, signal });
    if (seen !== null) files.push([column, seen]);
  }
  return { files };
}

/** By column, the cells of all rows. A line that is no row has nulls. */
async function readCells(
  { slices, fileColumns }: SampleQuestion,
  storages: Storages,
  signal: AbortSignal,
): Promise<ReadonlyMap<string, readonly unknown[]>> {
  await using parsers = new TextParsers();
  const cells = new Map<string, unknown[]>(fileColumns.map((name) => [name, []]));
  for (const { file, rowStart, rowEnd } of slices) {
    const source = byteSource(await storages.at(file.path), file.path, file.bytes);
    using open = await openInputFile(source, file, { parsers, signal });
    const onBadRow = () => {};
    for await (const batch of open.read({ rowStart, rowEnd, columns: fileColumns, signal, onBadRow }))
      for (const [name, values] of cells) values.push(...new Vector([columnData(batch, name)]));
  }
  return cells;
}
