import { type RecordBatch, Schema } from "apache-arrow";
import { gather } from "./gather.ts";
import { plainField } from "./plain-type.ts";
import { recordBatchOf } from "./record-batch.ts";

/** The rows of a record batch without dictionaries and views: itself where it has none. */
export function plainBatch(batch: RecordBatch): RecordBatch {
  const { fields } = batch.schema;
  const isPlain = fields.every((field) => plainField(field) === field);
  return isPlain ? batch : plainCopy(batch);
}

/** The rows of a record batch in memory of their own, without dictionaries and views. */
export function plainCopy({ schema, data, numRows }: RecordBatch): RecordBatch {
  const children = data.children.map((column) =>
    gather(column.type, [{ data: column, start: 0, end: numRows }]),
  );
  return recordBatchOf(new Schema(schema.fields.map(plainField)), numRows, children);
}
