import {
  type Data,
  type Field,
  makeData,
  RecordBatch,
  RecordBatchReader,
  Schema,
  Struct,
} from "apache-arrow";
import { ShardmillError } from "../core/errors.ts";

const madeOf = new WeakMap<Schema, Schema>();

/**
 * Makes a record batch of columns that are each `length` long, as `schema` declares.
 *
 * The library merges the schema with itself for each record batch, and searches each column's name among all
 * others. With five thousand columns that takes longer than decoding them. `quickSchema` avoids it.
 */
export function recordBatchOf(schema: Schema, length: number, children: readonly Data[]): RecordBatch {
  const made = quickSchema(schema);
  const type = new Struct(made.fields);
  return new RecordBatch(made, makeData({ type, length, nullCount: 0, children: [...children] }));
}

/** Returns the schema for record batches and tables: one object each, without the library's slow merge. */
export function quickSchema(schema: Schema): Schema {
  const known = madeOf.get(schema);
  if (known !== undefined) return known;
  const { fields, metadata, dictionaries, metadataVersion } = schema;
  const made = new Schema([...fields], metadata, dictionaries, metadataVersion);
  const { selectAt } = made;
  Object.defineProperties(made, {
    assign: {
      value: (changed: readonly Field[]) => (isSame(changed, fields) ? made : schema.assign([...changed])),
    },
    selectAt: { value: (indices: number[]) => quickSchema(selectAt.call(made, indices)) },
  });
  madeOf.set(schema, made);
  madeOf.set(made, made);
  return made;
}

function isSame(changed: readonly Field[], fields: readonly Field[]): boolean {
  return changed.length === fields.length && changed.every((field, index) => field === fields[index]);
}

/**
 * Reads the schema of an Arrow IPC stream. Avoids the empty record batch that the library makes for a stream
 * without batches.
 */
export function schemaOfStream(bytes: Uint8Array): Schema {
  const reader = RecordBatchReader.from(bytes);
  reader.open();
  return quickSchema(reader.schema);
}

const indexOfSchema = new WeakMap<Schema, ReadonlyMap<string, number>>();

/** Maps the names of columns to their places. */
export function indexOfColumns(schema: Schema): ReadonlyMap<string, number> {
  let index = indexOfSchema.get(schema);
  if (index === undefined) {
    index = new Map(schema.fields.map(({ name }, at) => [name, at]));
    indexOfSchema.set(schema, index);
  }
  return index;
}

/**
 * Returns a column's only data: a record batch's columns are one piece each.
 *
 * @throws {INPUT_UNSUPPORTED} when there is no such column
 */
export function columnData(batch: RecordBatch, name: string): Data {
  const data = batch.data.children[indexOfColumns(batch.schema).get(name) ?? -1];
  if (data === undefined)
    throw new ShardmillError("INPUT_UNSUPPORTED", `the input has no column \`${name}\``);
  return data;
}
