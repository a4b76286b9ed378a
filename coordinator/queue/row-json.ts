import { type DataType, type RecordBatch, Type, type Vector } from "apache-arrow";

/**
 * The rows of a batch as objects of JSON. Numbers that JSON's readers would round (of 64 bits, beyond 2^53)
 * and those that are none (NaN, infinite) are texts; so are dates and times, in ISO 8601, and bytes, in
 * base64.
 */
export function* rowsAsJson(batch: RecordBatch): Generator<string> {
  const columns = batch.schema.fields.map(({ name, type }) => ({ name, type, values: batch.getChild(name) }));
  for (let row = 0; row < batch.numRows; row += 1) {
    const entries = columns.map(({ name, type, values }) => [name, jsonOf(type, values?.get(row))] as const);
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
      return Array.from(value as Vector, (each) => jsonOf(item.type, each));
    }
    case Type.Struct: {
      const fields = type.children.map(({ name, type: own }) => [
        name,
        jsonOf(own, (value as Readonly<Record<string, unknown>>)[name]),
      ]);
      return Object.fromEntries(fields);
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
