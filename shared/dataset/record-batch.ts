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
 * A record batch of columns that are each `length` long, as `schema` says.
 *
 * The library merges the schema with itself whenever it makes a record batch, and looks for each column's
 * name among all others: with five thousand columns that takes longer than to decode them. It is given a
 * schema that knows better.
 */
export function recordBatchOf(schema: Schema, length: number, children: readonly Data[]): RecordBatch {
  const made = quickSchema(schema);
  const type = new Struct(made.fields);
  return new RecordBatch(made, makeData({ type, length, nullCount: 0, children: [...children] }));
}

/** The schema, as record batches and tables of it should have it: the same one each time. */
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
 * The schema of an Arrow IPC stream, without the empty record batch that the library makes for a stream
 * without any.
 */
export function schemaOfStream(bytes: Uint8Array): Schema {
  const reader = RecordBatchReader.from(bytes);
  reader.open();
  return quickSchema(reader.schema);
}

const indexOfSchema = new WeakMap<Schema, ReadonlyMap<string, number>>();

/** Where columns are by their names. */
export function indexOfColumns(schema: Schema): ReadonlyMap<string, number> {
  let index = indexOfSchema.get(schema);
  if (index === undefined) {
    index = new Map(schema.fields.map(({ name }, at) => [name, at]));
    indexOfSchema.set(schema, index);
  }
  return index;
}

/**
 * A column's only data: a record batch's columns are one piece each.
 *
 * @throws {INPUT_UNSUPPORTED} when there is no such column
 */
export function columnData(batch: RecordBatch, name: string): Data {
  const data = batch.data.children[indexOfColumns(batch.schema).get(name) ?? -1];
  if (data === undefined)
    throw new ShardmillError("INPUT_UNSUPPORTED", `the input has no column \`${name}\``);
  return data;
}
