import { type RecordBatch, Schema } from "apache-arrow";
import { present } from "../core/assert.ts";
import { mapConcurrent } from "../core/map-concurrent.ts";
import { gather, type Stretch } from "../dataset/gather.ts";
import { plainField } from "../dataset/plain-type.ts";
import { quickSchema, recordBatchOf } from "../dataset/record-batch.ts";
import { isOnThisMachine } from "../storage/local-paths.ts";
import { type PartRange, type RowsSource, readRanges } from "./read-ranges.ts";

/**
 * Files open at once. Others than this machine's wait for round trips. Each open Parquet file has a decoder,
 * and a thread keeps two of them.
 */
const OPEN_AT_ONCE = { here: 2, elsewhere: 8 };

/** Rows that are gathered into one record batch, about. */
const BATCH_ROWS = 65_536;

/** Rows `[start, end)` of a record batch. */
interface Rows {
  readonly batch: RecordBatch;
  readonly start: number;
  readonly end: number;
}

/** Rows of a file in memory. */
interface HeldRows {
  /** Place of the first row in the file. */
  readonly rowStart: number;
  readonly batches: readonly RecordBatch[];
}

/** Rows of consecutive folders in memory, by the place of their file. */
type HeldFiles = ReadonlyMap<number, HeldRows>;

/** Returns the columns of files in folders: all but those that name the folders. */
export function folderSchema({ fields }: Schema, partitionBy: readonly string[]): Schema {
  const kept = fields.filter(({ name }) => !partitionBy.includes(name));
  return quickSchema(new Schema(kept.map(plainField)));
}

/** Reads the rows of consecutive folders, which are one range of each file. So each file is opened once. */
export async function holdFolders(
  ranges: readonly PartRange[],
  schema: Schema,
  source: RowsSource,
): Promise<HeldFiles> {
  const spans = new Map<number, PartRange>();
  for (const range of ranges) {
    const { rowStart } = spans.get(range.source) ?? range;
    spans.set(range.source, { ...range, rowStart });
  }
  const isHere = source.files.every(({ location }) => isOnThisMachine(location));
  const atOnce = OPEN_AT_ONCE[isHere ? "here" : "elsewhere"];
  const held = await mapConcurrent([...spans.values()], atOnce, async (span) => {
    const batches: RecordBatch[] = [];
    for await (const batch of readRanges([span], schema, source)) batches.push(batch);
    return [span.source, { rowStart: span.rowStart, batches }] as const;
  });
  return new Map(held);
}

/**
 * Reads rows of one folder into batches of their own, without dictionaries and views.
 *
 * @param held null: the rows are read from their files
 */
export async function* readFolder(
  ranges: readonly PartRange[],
  { schema, held }: { readonly schema: Schema; readonly held: HeldFiles | null },
  source: RowsSource,
): AsyncGenerator<RecordBatch> {
  let pieces: Rows[] = [];
  let rows = 0;
  const gathered = () => {
    const columns = schema.fields.map(({ type }, index) =>
      gather(
        type,
        pieces.map(
          ({ batch, start, end }): Stretch => ({ data: batch.data.children[index] ?? null, start, end }),
        ),
      ),
    );
    const batch = recordBatchOf(schema, rows, columns);
    pieces = [];
    rows = 0;
    return batch;
  };
  for await (const piece of held === null ? stream(ranges, schema, source) : piecesIn(held, ranges)) {
    pieces.push(piece);
    rows += piece.end - piece.start;
    if (rows >= BATCH_ROWS) yield gathered();
  }
  if (rows > 0) yield gathered();
}

async function* stream(
  ranges: readonly PartRange[],
  schema: Schema,
  source: RowsSource,
): AsyncGenerator<Rows> {
  for await (const batch of readRanges(ranges, schema, source)) yield { batch, start: 0, end: batch.numRows };
}

function* piecesIn(held: HeldFiles, ranges: readonly PartRange[]): Generator<Rows> {
  for (const { source, rowStart, rowEnd } of ranges) {
    const { rowStart: first, batches } = present(held.get(source), "the rows of a file in the run");
    let at = first;
    for (const batch of batches) {
      const [start, end] = [Math.max(rowStart - at, 0), Math.min(rowEnd - at, batch.numRows)];
      if (start < end) yield { batch, start, end };
      at += batch.numRows;
    }
  }
}
