import {
  Bool,
  type DataType,
  DateDay,
  Decimal,
  Float16,
  Float32,
  Float64,
  Int32,
  Int64,
  makeData,
  type Table,
  TimestampMicrosecond,
  Uint64,
  Utf8,
  vectorFromArray,
} from "apache-arrow";
import fc from "fast-check";
import type { SortKey } from "../../shared/domain/rows-form.ts";
import { quoteIdentifier } from "../../shared/sql/quote.ts";
import { only, tableOf } from "./sample-table.ts";

const wide = (bits: number, signed: boolean) =>
  fc.oneof(
    fc.constantFrom(0n, 1n, signed ? -1n : 2n ** BigInt(bits) - 1n),
    signed
      ? fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n })
      : fc.bigInt({ min: 0n, max: 2n ** 64n - 1n }),
  );
const real = fc.oneof(fc.double(), fc.constantFrom(Number.NaN, -0, 0, 1, Number.POSITIVE_INFINITY));

const words = (value: bigint) =>
  Uint32Array.from([0n, 32n, 64n, 96n], (by) => Number((value >> by) & 0xffffffffn));

/** Columns by type. Their few values include equal ones and extremes. */
const COLUMNS: Readonly<Record<string, { readonly type: DataType; readonly value: fc.Arbitrary<unknown> }>> =
  {
    bool: { type: new Bool(), value: fc.boolean() },
    int: { type: new Int32(), value: fc.integer({ min: -3, max: 3 }) },
    long: { type: new Int64(), value: wide(64, true) },
    unsigned: { type: new Uint64(), value: wide(64, false) },
    half: {
      type: new Float16(),
      value: fc.constantFrom(-2, -0.5, 0, 6e-8, 1, 65504, Number.POSITIVE_INFINITY),
    },
    float: { type: new Float32(), value: real.map(Math.fround) },
    double: { type: new Float64(), value: real },
    day: {
      type: new DateDay(),
      value: fc.integer({ min: -3, max: 3 }).map((day) => new Date(day * 86_400_000)),
    },
    decimal: {
      type: new Decimal(2, 20, 128),
      value: fc.constantFrom(-(10n ** 19n), -1n, 0n, 7n, 10n ** 19n).map(words),
    },
    time: { type: new TimestampMicrosecond("UTC"), value: fc.integer({ min: -5_000, max: 5_000 }) },
    text: {
      type: new Utf8(),
      value: fc.oneof(
        fc.string({ unit: "grapheme", maxLength: 3 }),
        fc.constantFrom("\u{10000}", "\uffff", "", "a"),
      ),
    },
  };

export type Cells = Readonly<Record<string, readonly unknown[]>>;

/** Makes a table of such cells, and of `n`, the number of a row from `first` on. */
export function sortableTable(
  { cells, rows }: { readonly cells: Cells; readonly rows: number },
  first = 0,
): Table {
  const columns = Object.entries(cells).map(([name, values]) => {
    const type = COLUMNS[name]?.type;
    if (type === undefined) throw new Error(`no column ${name}`);
    return [name, only(vectorFromArray([...values], type))] as const;
  });
  const n = makeData({ type: new Int32(), data: Int32Array.from({ length: rows }, (_, row) => first + row) });
  return tableOf({ ...Object.fromEntries(columns), n });
}

/** Cells of that many rows. */
export const sortableCells = (rows: number): fc.Arbitrary<Cells> =>
  fc.record(
    Object.fromEntries(
      Object.entries(COLUMNS).map(([name, { value }]) => [
        name,
        fc.array(fc.option(value, { freq: 4 }), { minLength: rows, maxLength: rows }),
      ]),
    ),
  ) as fc.Arbitrary<Cells>;

/** Columns to sort by. */
export const someSort = fc.uniqueArray(
  fc.record({
    column: fc.constantFrom(...Object.keys(COLUMNS)),
    order: fc.constantFrom("ascending" as const, "descending" as const),
  }),
  { minLength: 1, maxLength: 3, selector: ({ column }) => column },
);

/** Returns the same order in SQL. Rows of equal keys are in the order of `n`. */
export function orderInSql(sort: readonly SortKey[]): string {
  const keys = sort.map(
    ({ column, order }) => `${quoteIdentifier(column)} ${order === "descending" ? "DESC" : "ASC"} NULLS LAST`,
  );
  return `ORDER BY ${keys.join(", ")}, n`;
}
