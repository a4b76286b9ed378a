import type { RecordBatch, Schema, Table } from "apache-arrow";
import { present } from "../core/assert.ts";
import { combineChunks } from "../dataset/combine-chunks.ts";
import { cutBatches } from "../dataset/cut-batches.ts";
import { sortTable } from "../dataset/sort-table.ts";
import { below, type Location } from "../domain/location.ts";
import { partFileName } from "../domain/partial-layout.ts";
import type { RowsTasks } from "../domain/reduction-tasks.ts";
import { SORTED_PART } from "../domain/sort-memory.ts";
import { TextWriter } from "../sql/text-writer.ts";
import type { ScratchPlace } from "../storage/local-paths.ts";
import type { Storage } from "../storage/storage.ts";
import { checkRows } from "./plan-parts.ts";
import { folderSchema, holdFolders, readFolder } from "./read-folders.ts";
import { openRows, type PartRange, type RowsSource, readRanges } from "./read-ranges.ts";
import { HELD, type WrittenRows, writeRows } from "./write-rows.ts";

/** Form of an output's parts. */
export type PartForm = RowsTasks["rows"];

/** Consecutive parts of an output. */
export interface PartsToWrite extends PartForm, Pick<RowsSource, "files"> {
  /** Rows of each part, in order. */
  readonly parts: readonly (readonly PartRange[])[];
  /** Number of the first of these parts in the output. */
  readonly first: number;
}

export interface PartsPlace extends ScratchPlace {
  /** Storage of the partials' files. */
  readonly from: Storage;
  /** Folder of the files to make. */
  readonly folder: Location;
}

/** File of a part, in the folder of its task. */
export interface PartFile extends WrittenRows {
  readonly name: string;
  /** Number of the part in the output. */
  readonly part: number;
}

const WHOLE = { rows: Number.POSITIVE_INFINITY, bytes: Number.POSITIVE_INFINITY };

/**
 * Writes the rows of committed partials to other files: joined, cut, or sorted. A part is one file, or
 * several if it is too large to be sorted at once. Rows of equal keys keep their order.
 *
 * Law `same-commits-same-output`: the files depend on the partials' files and ranges alone.
 *
 * @param onWritten gets the number of rows of each file
 */
export async function writeParts(
  { files, parts, first, ...form }: PartsToWrite,
  { from, folder, ...place }: PartsPlace,
  onWritten: (rows: number) => void = () => {},
): Promise<readonly PartFile[]> {
  const source = { files, format: form.format, access: { storage: from, signal: place.signal } };
  const { schema, read } = await openParts(parts, form, source);
  await using textWriter = new TextWriter(form.ending, place.scratch);
  const made: PartFile[] = [];
  for (const [index, ranges] of parts.entries()) {
    const part = first + index;
    let rows = 0;
    let piece = 0;
    for await (const tables of filesOf({ schema, batches: read(ranges) }, form)) {
      const name = partFileName(part, piece, form.ending);
      const written = await writeRows(below(folder, name), { schema, tables }, form, {
        ...place,
        textWriter,
      });
      made.push({ name, part, ...written });
      onWritten(written.rows);
      rows += written.rows;
      piece += 1;
    }
    checkRows(part, rows, ranges);
  }
  return made;
}

/** Divides the rows of a part into files. Yields the tables of each. */
async function* filesOf(
  { schema, batches }: { readonly schema: Schema; readonly batches: AsyncIterable<RecordBatch> },
  { form, isSortedAcross }: Pick<PartForm, "form" | "isSortedAcross">,
): AsyncGenerator<AsyncIterable<Table>> {
  const known = new Set(schema.fields.map(({ name }) => name));
  const sort = form.sort.filter(({ column }) => known.has(column));
  if (sort.length === 0) {
    yield cutBatches(batches, schema, HELD);
    return;
  }
  for await (const held of cutBatches(batches, schema, isSortedAcross ? WHOLE : SORTED_PART))
    yield cutBatches(batchesOf(sortTable(combineChunks(held), sort)), schema, HELD);
}

async function openParts(
  parts: PartsToWrite["parts"],
  { partitionBy }: Pick<PartForm, "partitionBy">,
  source: RowsSource,
) {
  using file = await openRows(present(source.files[0], "a rows file"), source);
  if (partitionBy.length === 0) {
    const { schema } = file;
    return { schema, read: (ranges: readonly PartRange[]) => readRanges(ranges, schema, source) };
  }
  const schema = folderSchema(file.schema, partitionBy);
  // A part that is alone may be larger than memory.
  const held = parts.length > 1 ? await holdFolders(parts.flat(), schema, source) : null;
  const read = (ranges: readonly PartRange[]) => readFolder(ranges, { schema, held }, source);
  return { schema, read };
}

export async function* batchesOf({ batches }: { readonly batches: readonly RecordBatch[] }) {
  yield* batches;
}
