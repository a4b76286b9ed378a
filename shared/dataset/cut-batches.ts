import { type RecordBatch, type Schema, Table } from "apache-arrow";
import { cutTable, type PieceLimits } from "./cut-rows.ts";
import { gather } from "./gather.ts";
import { recordBatchOf } from "./record-batch.ts";
import { rowBytes } from "./value-bytes.ts";

/**
 * Cuts rows that arrive in batches into tables. The limits alone define the cuts: the same rows are cut at
 * the same places, whatever their batches. Yields at least one table, so that the schema is known.
 */
export async function* cutBatches(
  batches: AsyncIterable<RecordBatch>,
  schema: Schema,
  limits: PieceLimits,
): AsyncGenerator<Table, void, undefined> {
  let held: RecordBatch[] = [];
  let isFirst = true;
  let rows = 0;
  let bytes = 0;
  const hold = (batch: RecordBatch) => {
    held.push(batch);
    rows += batch.numRows;
    bytes += bytesOf(batch);
  };
  for await (const batch of batches) {
    if (batch.numRows === 0) continue;
    hold(batch);
    if (rows <= limits.rows && bytes <= limits.bytes) continue;
    const table = new Table(schema, held);
    const pieces = cutTable(table, limits);
    const last = pieces.pop();
    for (const { start, end } of pieces) {
      isFirst = false;
      yield table.slice(start, end);
    }
    [held, rows, bytes] = [[], 0, 0];
    for (const rest of last === undefined ? [] : table.slice(last.start, last.end).batches) hold(rest);
  }
  if (rows > 0) yield new Table(schema, held);
  else if (isFirst) yield new Table(schema, [emptyBatch(schema)]);
}

function emptyBatch(schema: Schema): RecordBatch {
  const columns = schema.fields.map(({ type }) => gather(type, []));
  return recordBatchOf(schema, 0, columns);
}

function bytesOf({ data, numRows }: RecordBatch): number {
  return rowBytes(data, 0, numRows);
}
