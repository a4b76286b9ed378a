import { type DataType, type RecordBatch, Type } from "apache-arrow";
import { present } from "../../../shared/core/assert.ts";
import { cellReader } from "../../../shared/dataset/cell-reader.ts";

/**
 * Formats the rows of a batch as JSON objects. Integers beyond 2^53, NaN and infinity are strings. Dates and
 * times are ISO 8601 strings, and bytes are base64 strings.
 */
export function* rowsAsJson(batch: RecordBatch): Generator<string> {
  const columns = batch.schema.fields.map(({ name, type }, at) => {
    const valueAt = cellReader(present(batch.data.children[at], "a field has a column"));
    return { name, type, valueAt };
  });
  for (let row = 0; row < batch.numRows; row += 1) {
    const entries = columns.map(({ name, type, valueAt }) => [name, jsonOf(type, valueAt(row))] as const);
    yield JSON.stringify(Object.fromEntries(entries));
  }
}

function jsonOf(type: DataType, value: unknown): unknown {
  if (value === null || value === undefined) return null;
  switch (type.typeId) {
    case Type.Date:
      return new Date(Number(value)).toISOString().slice(0, 10);
    case Type.Timestamp:
      return new Date(Number(value)).toISOString();
    case Type.List:
    case Type.FixedSizeList: {
      const [item] = type.children;
      if (item === undefined) return null;
      return Array.from(value as Iterable<unknown>, (each) => jsonOf(item.type, each));
    }
    case Type.Struct: {
      const fields = type.children.map(({ name, type: own }) => [
        name,
        jsonOf(own, (value as Readonly<Record<string, unknown>>)[name]),
      ]);
      return Object.fromEntries(fields);
    }
    case Type.Map: {
      const [, item] = type.children[0]?.type.children ?? [];
      if (item === undefined) return null;
      const pairs = Array.from(value as Iterable<readonly [unknown, unknown]>);
      return Object.fromEntries(pairs.map(([key, each]) => [String(key), jsonOf(item.type, each)]));
    }
    default:
      return scalarOf(value);
  }
}

function scalarOf(value: unknown): unknown {
  if (typeof value === "bigint") {
    const number = Number(value);
    return Number.isSafeInteger(number) ? number : String(value);
  }
  if (typeof value === "number") return Number.isFinite(value) ? value : String(value);
  if (value instanceof Uint8Array) return Buffer.from(value).toString("base64");
  return typeof value === "string" || typeof value === "boolean" ? value : String(value);
}
