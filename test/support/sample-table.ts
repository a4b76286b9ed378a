import {
  Binary,
  Bool,
  type Data,
  type DataType,
  DateDay,
  Decimal,
  Dictionary,
  Field,
  FixedSizeBinary,
  FixedSizeList,
  Float16,
  Float32,
  Float64,
  Int8,
  Int16,
  Int32,
  Int64,
  List,
  makeData,
  RecordBatch,
  Schema,
  Struct,
  Table,
  TimestampMicrosecond,
  Uint8,
  Uint16,
  Uint32,
  Uint64,
  Utf8,
  vectorFromArray,
} from "apache-arrow";

/** Returns a table of the given columns, as one record batch. */
export function tableOf(columns: Readonly<Record<string, Data>>, nullable = true): Table {
  const names = Object.keys(columns);
  const children = Object.values(columns);
  const schema = new Schema(names.map((name, index) => new Field(name, typeAt(children, index), nullable)));
  const length = children[0]?.length ?? 0;
  const data = makeData({ type: new Struct(schema.fields), length, nullCount: 0, children });
  return new Table(schema, [new RecordBatch(schema, data)]);
}

function typeAt(children: readonly Data[], index: number): DataType {
  const child = children[index];
  if (child === undefined) throw new Error("a column for each name");
  return child.type;
}

/**
 * Returns a table of `id` (int64: 0, 1, 2, ...), `x` (float32: row / 2), and `name` (string, every fifth
 * null).
 */
export function smallTable(rows: number): Table {
  return tableOf({
    id: makeData({ type: new Int64(), data: BigInt64Array.from({ length: rows }, (_, row) => BigInt(row)) }),
    x: makeData({ type: new Float32(), data: Float32Array.from({ length: rows }, (_, row) => row / 2) }),
    name: strings(rows),
  });
}

/** Returns embeddings: fixed-size lists of `width` floats, with value row * width + i. */
export function embeddings(rows: number, width: number): Data {
  const values = Float32Array.from({ length: rows * width }, (_, index) => index);
  return makeData({
    type: new FixedSizeList(width, new Field("item", new Float32(), true)),
    length: rows,
    nullCount: 0,
    child: makeData({ type: new Float32(), data: values }),
  });
}

function strings(rows: number): Data {
  return only(
    vectorFromArray(
      Array.from({ length: rows }, (_, row) => (row % 5 === 4 ? null : `name-${row % 7}`)),
      new Utf8(),
    ),
  );
}

/** Returns a column of every type that Parquet and Arrow both have, with nulls where `row % 5 === 4`. */
export function everyType(rows: number): Table {
  const of = (type: DataType, value: (row: number) => unknown) =>
    only(
      vectorFromArray(
        Array.from({ length: rows }, (_, row) => (row % 5 === 4 ? null : value(row))),
        type,
      ),
    );
  return tableOf({
    bool: of(new Bool(), (row) => row % 3 === 0),
    int8: of(new Int8(), (row) => (row % 200) - 100),
    int16: of(new Int16(), (row) => row - 30_000),
    int32: of(new Int32(), (row) => row - 2_000_000_000),
    int64: of(new Int64(), (row) => -(2n ** 62n) + BigInt(row)),
    uint8: of(new Uint8(), (row) => row % 256),
    uint16: of(new Uint16(), (row) => 65_535 - row),
    uint32: of(new Uint32(), (row) => 4_294_967_295 - row),
    uint64: of(new Uint64(), (row) => 2n ** 64n - 1n - BigInt(row)),
    float16: of(new Float16(), (row) => row / 4),
    float32: of(new Float32(), (row) => row / 3),
    float64: of(new Float64(), (row) => row / 7),
    string: of(new Utf8(), (row) => `näme ${row}`),
    binary: of(new Binary(), (row) => Uint8Array.of(row % 256, 1, 2)),
    fixedBinary: of(new FixedSizeBinary(4), (row) => Uint8Array.of(row % 256, 1, 2, 3)),
    list: of(new List(new Field("item", new Float32(), true)), (row) =>
      Array.from({ length: row % 4 }, (_, i) => row + i),
    ),
    fixedList: of(new FixedSizeList(3, new Field("item", new Float32(), true)), (row) => [
      row,
      row + 0.5,
      row + 1,
    ]),
    timestamp: of(new TimestampMicrosecond(), (row) => 1_600_000_000_000 + row),
    date: of(new DateDay(), (row) => new Date(86_400_000 * row)),
    decimal: of(new Decimal(2, 20, 128), (row) => Uint32Array.of(row, 0, 0, 0)),
    dictionary: of(new Dictionary(new Utf8(), new Int32(), 7), (row) => `class-${row % 3}`),
    struct: of(
      new Struct<{ a: Int32; b: Utf8 }>([
        new Field("a", new Int32(), true),
        new Field("b", new Utf8(), true),
      ]),
      (row) => ({ a: row, b: `b${row}` }),
    ),
  });
}

/** Returns the rows as plain values, for comparisons that ignore their form in memory. */
export function plainRows(table: { toArray(): unknown[] }): unknown[] {
  return table.toArray().map((row) => plain(row));
}

function plain(value: unknown): unknown {
  if (value === null || value === undefined) return null;
  if (typeof value === "bigint") return `${value}n`;
  if (typeof value === "number") return Number.isNaN(value) ? "NaN" : value;
  if (typeof value !== "object") return value;
  if (ArrayBuffer.isView(value))
    return Buffer.from(value.buffer, value.byteOffset, value.byteLength).toString("hex");
  if (value instanceof Date) return value.toISOString();
  if ("toJSON" in value && typeof value.toJSON === "function") return plain(value.toJSON());
  if (Array.isArray(value)) return value.map(plain);
  return Object.fromEntries(Object.entries(value).map(([key, inner]) => [key, plain(inner)]));
}

export function only(vector: { readonly data: readonly Data[] }): Data {
  const [data] = vector.data;
  if (data === undefined) throw new Error("one piece");
  return data;
}
