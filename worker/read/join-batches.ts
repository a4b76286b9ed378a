import { type RecordBatch, Schema } from "apache-arrow";
import { freeBatch } from "../../shared/dataset/free-batch.ts";
import { gather } from "../../shared/dataset/gather.ts";
import { plainField } from "../../shared/dataset/plain-type.ts";
import { columnData, recordBatchOf } from "../../shared/dataset/record-batch.ts";
import { rowBytes } from "../../shared/dataset/value-bytes.ts";

interface JoinLimits {
  readonly rows: number;
  readonly bytes: number;
}

/**
 * Limits below which batches are joined. A record batch costs some 100 microseconds, whatever its rows, and
 * becomes a record batch of the output. With this many rows that cost is small, and the model soon gets its
 * first rows.
 */
const SMALL: JoinLimits = { rows: 256, bytes: 256 << 10 };

/**
 * Joins small record batches of equal layout: copies them together until they are no longer small, and frees
 * them. Larger batches pass unchanged.
 */
export async function* joinSmallBatches(
  batches: AsyncIterable<RecordBatch>,
  small: JoinLimits = SMALL,
): AsyncGenerator<RecordBatch> {
  let waiting: RecordBatch[] = [];
  let rows = 0;
  let bytes = 0;
  const isSmall = () => rows < small.rows && bytes < small.bytes;
  for await (const batch of batches) {
    // Size after gathering: a few rows may refer to gigabytes of a dictionary's values.
    const own =
      batch.numRows < small.rows ? rowBytes(batch.data, 0, batch.numRows) : Number.POSITIVE_INFINITY;
    const joins = own < small.bytes;
    if (joins) {
      waiting.push(batch);
      rows += batch.numRows;
      bytes += own;
    }
    if (joins && isSmall()) continue;
    if (waiting.length > 0) yield join(waiting);
    waiting = [];
    rows = 0;
    bytes = 0;
    if (!joins) yield batch;
  }
  if (waiting.length > 0) yield join(waiting);
}

function join(batches: readonly RecordBatch[]): RecordBatch {
  const [first] = batches;
  if (first === undefined) throw new Error("broken invariant: no batch to join");
  if (batches.length === 1) return first;
  const schema = new Schema(first.schema.fields.map(plainField));
  const children = schema.fields.map(({ name }) => {
    const pieces = batches.map((batch) => columnData(batch, name));
    const stretches = pieces.map((data) => ({ data, start: 0, end: data.length }));
    return gather(columnData(first, name).type, stretches);
  });
  const length = batches.reduce((total, { numRows }) => total + numRows, 0);
  for (const batch of batches) freeBatch(batch);
  return recordBatchOf(schema, length, children);
}
