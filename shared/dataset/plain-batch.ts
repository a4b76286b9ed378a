import { type RecordBatch, Schema } from "apache-arrow";
import { gather } from "./gather.ts";
import { plainField } from "./plain-type.ts";
import { recordBatchOf } from "./record-batch.ts";

/** Returns the record batch without dictionaries and views, or the batch itself when it has none. */
export function plainBatch(batch: RecordBatch): RecordBatch {
  const { fields } = batch.schema;
  const isPlain = fields.every((field) => plainField(field) === field);
  return isPlain ? batch : plainCopy(batch);
}

/** Copies rows `[start, end)` of a record batch into memory of their own, without dictionaries and views. */
export function plainCopy({ schema, data, numRows }: RecordBatch, start = 0, end = numRows): RecordBatch {
  const children = data.children.map((column) => gather(column.type, [{ data: column, start, end }]));
  return recordBatchOf(new Schema(schema.fields.map(plainField)), end - start, children);
}
