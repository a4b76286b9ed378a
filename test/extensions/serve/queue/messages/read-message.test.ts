import { tableFromIPC } from "apache-arrow";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import {
  type MessageColumns,
  type MessageRow,
  readMessage,
} from "../../../../../extensions/serve/queue/messages/read-message.ts";
import { rowsFile } from "../../../../../extensions/serve/queue/rows-file.ts";
import { typeOfName } from "../../../../../shared/domain/column-type-names.ts";

/** A value in a message, and as Arrow's own reader returns it. */
interface Sample {
  readonly json: unknown;
  readonly read: unknown;
}

const same = (values: fc.Arbitrary<unknown>) => values.map((value): Sample => ({ json: value, read: value }));
const instants = fc.date({
  min: new Date("0001-01-01T00:00:00Z"),
  max: new Date("9999-12-31T00:00:00Z"),
  noInvalidDate: true,
});
const big = (least: bigint, most: bigint) =>
  fc.bigInt(least, most).chain((value) => {
    const isSafe = Number.isSafeInteger(Number(value));
    const forms = isSafe ? [Number(value), String(value)] : [String(value)];
    return fc.constantFrom(...forms).map((json): Sample => ({ json, read: value }));
  });

const SCALARS: Readonly<Record<string, fc.Arbitrary<Sample>>> = {
  bool: same(fc.boolean()),
  int8: same(fc.integer({ min: -128, max: 127 })),
  int16: same(fc.integer({ min: -32_768, max: 32_767 })),
  int32: same(fc.integer()),
  int64: big(-(2n ** 63n), 2n ** 63n - 1n),
  uint8: same(fc.nat(255)),
  uint16: same(fc.nat(65_535)),
  uint32: same(fc.nat(2 ** 32 - 1)),
  uint64: big(0n, 2n ** 64n - 1n),
  // JSON has no negative zero.
  float32: same(fc.float({ noNaN: true, noDefaultInfinity: true }).map((value) => value + 0)),
  float64: same(fc.double({ noNaN: true, noDefaultInfinity: true }).map((value) => value + 0)),
  string: same(fc.string({ unit: "grapheme" })),
  date: instants.map((date) => {
    const day = date.toISOString().slice(0, 10);
    return { json: day, read: Date.parse(`${day}T00:00:00Z`) };
  }),
  timestamp: instants.map((date) => ({ json: date.toISOString(), read: date.getTime() })),
};

function samplesOf(type: string): fc.Arbitrary<Sample> {
  const values = type.endsWith("[]")
    ? fc.array(samplesOf(type.slice(0, -2)), { maxLength: 4 }).map((items) => ({
        json: items.map(({ json }) => json),
        read: items.map(({ read }) => read),
      }))
    : (SCALARS[type] ?? fc.constant({ json: null, read: null }));
  return fc.oneof(
    { weight: 1, arbitrary: fc.constant({ json: null, read: null }) },
    { weight: 5, arbitrary: values },
  );
}

const types = fc
  .tuple(fc.constantFrom(...Object.keys(SCALARS)), fc.constantFrom("", "[]", "[][]"))
  .map(([type, lists]) => `${type}${lists}`);
const tables = fc
  .uniqueArray(fc.tuple(fc.string({ minLength: 1 }), types), {
    selector: ([name]) => name,
    minLength: 1,
    maxLength: 5,
  })
  .chain((columns) =>
    fc
      .array(fc.tuple(...columns.map(([, type]) => samplesOf(type))), { maxLength: 9 })
      .map((rows) => ({ columns, rows })),
  );

const columnsOf = (types: readonly (readonly [string, string])[]): MessageColumns =>
  new Map(types.map(([name, type]) => [name, typeOfName(type)]));

function rowsOf(kind: "row" | "rows", columns: MessageColumns, body: string): readonly MessageRow[] {
  const read = readMessage({ kind, columns }, Buffer.from(body));
  if (read.kind === "nothing") return [];
  if (read.kind !== "rows") throw new Error(JSON.stringify(read));
  return read.rows;
}

/** Converts a value of Arrow's own reader, including lists. */
function plain(value: unknown): unknown {
  return value !== null && typeof value === "object" && Symbol.iterator in value
    ? [...(value as Iterable<unknown>)].map(plain)
    : value;
}

describe("messages of rows", () => {
  it("single rows, lines and arrays give equal rows, and an Arrow file keeps their values", () => {
    fc.assert(
      fc.property(tables, ({ columns, rows }) => {
        const declared = columnsOf(columns);
        const objects = rows.map((row) =>
          JSON.stringify(Object.fromEntries(columns.map(([name], index) => [name, row[index]?.json]))),
        );
        const single = objects.flatMap((object) => rowsOf("row", declared, object));
        expect(rowsOf("rows", declared, objects.join("\n"))).toEqual(single);
        expect(rowsOf("rows", declared, `\n[${objects.join(", ")}]`)).toEqual(single);
        const table = tableFromIPC(rowsFile(declared, single));
        expect(table.numRows).toBe(rows.length);
        columns.forEach(([name], index) => {
          const read = plain(table.getChildAt(index));
          expect(table.schema.fields[index]?.name).toBe(name);
          expect(read).toEqual(rows.map((row) => row[index]?.read));
        });
      }),
    );
  });

  it("a message with any body is read completely or rejected", () => {
    const columns = columnsOf([["a", "int32[]"]]);
    const bodies = fc.oneof(
      fc.uint8Array(),
      fc.json().map((text) => Buffer.from(text)),
    );
    fc.assert(
      fc.property(bodies, fc.constantFrom("row", "rows"), (body, kind) => {
        const read = readMessage({ kind, columns }, body);
        if (read.kind === "rows") rowsFile(columns, read.rows);
        else expect(["nothing", "invalid"]).toContain(read.kind);
      }),
    );
  });

  const MISFITS: Readonly<Record<string, readonly string[]>> = {
    bool: ["0", '"true"'],
    int8: ["128", "-129", "1.5", '"1"', "true"],
    uint8: ["-1", "256"],
    int32: ["2147483648"],
    uint32: ["-1", "4294967296"],
    int64: ["9007199254740993", "1.5", '"9223372036854775808"', '"1.0"', '""', '"007"'],
    uint64: ["-1", '"-1"', '"18446744073709551616"'],
    float32: ["1e39", '"1"'],
    float64: ["1e999", '"NaN"', "true"],
    string: ["1", "{}", "[]", '"\\ud800"'],
    date: ['"2026-02-29"', '"2026-1-1"', "20420", '"2026-01-01T00:00:00Z"'],
    timestamp: [
      '"2026-02-29T00:00:00Z"',
      '"2026-01-01T24:00:00Z"',
      '"2026-01-01T00:00:00.1234567Z"',
      "0",
      '"now"',
    ],
    "int32[]": ["1", '[1, "2"]', "[[1]]", "{}"],
  };
  for (const [type, values] of Object.entries(MISFITS)) {
    it(`a column of ${type} refuses ${values.join(" ")} with the line and the column`, () => {
      const columns = columnsOf([["price", type]]);
      for (const value of values) {
        const read = readMessage({ kind: "rows", columns }, Buffer.from(`{}\n{"price": ${value}}`));
        expect(read).toMatchObject({ kind: "invalid", problem: { where: "line 2, price" } });
      }
    });
  }

  it("the offset of a timestamp is applied, and a timestamp without an offset is in UTC", () => {
    const columns = columnsOf([["at", "timestamp"]]);
    const microseconds = (at: string) => rowsOf("row", columns, JSON.stringify({ at }))[0]?.[0];
    const noon = BigInt(Date.parse("2026-11-28T12:00:00Z")) * 1_000n;
    for (const at of ["2026-11-28T12:00", "2026-11-28 13:00:00+01:00", "2026-11-28T06:30:00.000000-0530"])
      expect(microseconds(at)).toBe(noon);
    expect(microseconds("2026-11-28T12:00:00.25Z")).toBe(noon + 250_000n);
    expect(microseconds("1969-12-31T23:59:59.999999Z")).toBe(-1n);
  });

  it("keys that every object inherits have no effect", () => {
    const columns = columnsOf([
      ["constructor", "string"],
      ["__proto__", "string"],
    ]);
    expect(rowsOf("row", columns, '{"x": 1}')).toEqual([[null, null]]);
    expect(rowsOf("row", columns, '{"__proto__": "a"}')).toEqual([[null, "a"]]);
  });
});
