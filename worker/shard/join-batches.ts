import { makeData, RecordBatch, Schema, Struct } from "apache-arrow";
import { freeBatch } from "../../shared/dataset/free-batch.ts";
import { gather } from "./gather.ts";
import { plainField } from "./plain-type.ts";
import { columnData } from "./tensorize.ts";

export interface JoinLimits {
  readonly rows: number;
  readonly bytes: number;
}

/**
 * Less than this is joined. What a record batch costs on its way through, whatever its rows, is some 100 microseconds; and
 * it becomes a record batch of the output. With this many rows that is nothing beside reading them, and the model does not
 * wait long for the first.
 */
const SMALL: JoinLimits = { rows: 256, bytes: 256 << 10 };

/**
 * The same rows in fewer record batches: small ones, of one layout, are copied together until they are small no more, and
 * freed. Larger ones pass as they are.
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
    const joins = batch.numRows < small.rows && batch.data.byteLength < small.bytes;
    if (joins) {
      waiting.push(batch);
      rows += batch.numRows;
      bytes += batch.data.byteLength;
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
  const data = makeData({ type: new Struct(schema.fields), length, nullCount: 0, children });
  for (const batch of batches) freeBatch(batch);
  return new RecordBatch(schema, data);
}
