import {
  Binary,
  Bool,
  type Data,
  type DataType,
  DateMillisecond,
  Decimal,
  DenseUnion,
  Dictionary,
  Field,
  FixedSizeBinary,
  FixedSizeList,
  Float32,
  Int32,
  Int64,
  IntervalMonthDayNano,
  LargeUtf8,
  List,
  Map_,
  MapRow,
  makeData,
  Null,
  SparseUnion,
  Struct,
  TimestampMicrosecond,
  Utf8,
  Utf8View,
  Vector,
  vectorFromArray,
} from "apache-arrow";
import { describe, expect, test } from "vitest";
import { gather, type Stretch } from "../../../../shared/dataset/gather.ts";
import { column } from "../../../support/shard-inputs.ts";

/** Converts values to a comparable form, at any depth. */
function plain(value: unknown): unknown {
  if (value instanceof MapRow)
    return Object.fromEntries(Array.from(value, ([key, inner]) => [key, plain(inner)]));
  if (value instanceof Vector) return Array.from(value, plain);
  if (ArrayBuffer.isView(value)) return `${value}`;
  if (value !== null && typeof value === "object" && "toJSON" in value && typeof value.toJSON === "function")
    return JSON.parse(
      JSON.stringify(value, (_key, inner) => (typeof inner === "bigint" ? `${inner}` : inner)),
    );
  return value;
}

const valuesOf = (data: Data) => Array.from(new Vector([data]), plain);

function check(data: Data): void {
  const all = valuesOf(data);
  const half = data.length >> 1;
  const ranges = [
    [[0, data.length]],
    [
      [1, 3],
      [half, data.length],
    ],
    [
      [data.length - 1, data.length],
      [0, 1],
    ],
    [[2, 2]],
  ] as const;
  for (const range of ranges) {
    const stretches = range.map(([start, end]): Stretch => ({ data, start, end }));
    const found = gather(data.type, stretches);
    expect(valuesOf(found)).toEqual(range.flatMap(([start, end]) => all.slice(start, end)));
  }
  // The same for a slice, which has its own offsets.
  const slice = data.slice(1, data.length - 1);
  const whole = gather(data.type, [{ data: slice, start: 0, end: slice.length }]);
  expect(valuesOf(whole)).toEqual(all.slice(1));
}

const item = (type: DataType) => new Field("item", type, true);
const texts = ["a", null, "größer als zwölf Bytes", "", "a", "b", null, "c", "dd", "e"];

const COLUMNS: Readonly<Record<string, () => Data>> = {
  int32: () => column([1, null, 3, 4, 5, null, 7, 8, 9, 10], new Int32()),
  int64: () => column([1n, 2n, null, 2n ** 60n, 5n, 6n, 7n, 8n, 9n, 1n], new Int64()),
  bool: () => column([true, false, null, true, true, false, true, null, false, true], new Bool()),
  utf8: () => column(texts, new Utf8()),
  largeUtf8: () => column(texts, new LargeUtf8()),
  utf8View: () => column(texts, new Utf8View()),
  binary: () =>
    column(
      [Uint8Array.of(1), null, Uint8Array.of(), Uint8Array.of(2, 3), null, Uint8Array.of(4)],
      new Binary(),
    ),
  fixedBinary: () =>
    makeData({
      type: new FixedSizeBinary(2),
      data: Uint8Array.from({ length: 12 }, (_, at) => at),
      length: 6,
    }),
  dictionary: () => column(texts, new Dictionary(new Utf8(), new Int32())),
  timestamp: () =>
    column(
      [1, 2, null, 4, 5, 6].map((value) => (value === null ? null : value * 1e3)),
      new TimestampMicrosecond(),
    ),
  date: () =>
    column(
      [0, 1e9, null, 3e9, 4e9].map((ms) => (ms === null ? null : new Date(ms))),
      new DateMillisecond(),
    ),
  decimal: () =>
    makeData({ type: new Decimal(2, 20), data: Uint32Array.from({ length: 20 }, (_, at) => at), length: 5 }),
  interval: () =>
    makeData({
      type: new IntervalMonthDayNano(),
      data: Int32Array.from({ length: 20 }, (_, at) => at),
      length: 5,
    }),
  null: () => makeData({ type: new Null(), length: 5 }),
  list: () => column([[1], null, [], [2, null, 3], [4], [5, 6]], new List(item(new Int32()))),
  nestedList: () =>
    column([[["a"], []], null, [], [["b", null], null], [["c"]]], new List(item(new List(item(new Utf8()))))),
  listOfDictionary: () =>
    column([["a", "b"], null, ["a"], [], ["b"]], new List(item(new Dictionary(new Utf8(), new Int32())))),
  fixedList: () => column([[1, 2], null, [3, 4], [5, 6], [7, 8]], new FixedSizeList(2, item(new Float32()))),
  struct: () =>
    column(
      [{ a: 1, b: "x" }, null, { a: null, b: "y" }, { a: 4, b: null }, { a: 5, b: "z" }],
      new Struct([new Field("a", new Int32(), true), new Field("b", new Utf8(), true)]),
    ),
};

describe("the gathered rows of a column", () => {
  test.each(Object.keys(COLUMNS))("the rows of a %s column are gathered into memory of their own", (name) => {
    const data = COLUMNS[name]?.();
    if (data === undefined) throw new Error("no column");
    expect(data.length).toBeGreaterThan(4);
    check(data);
    const copy = gather(data.type, [{ data, start: 0, end: data.length }]);
    const memoryOf = (of: Data) =>
      [of.valueOffsets, of.values, of.nullBitmap].flatMap((view) =>
        ArrayBuffer.isView(view) && view.byteLength > 0 ? [view.buffer] : [],
      );
    const shared = memoryOf(copy).filter((buffer) => memoryOf(data).includes(buffer));
    expect(shared).toEqual([]);
  });

  test("the rows of a map column are gathered in the requested order", () => {
    const entries = new Struct<never>([
      new Field("key", new Utf8(), false),
      new Field("value", new Int32(), true),
    ] as never);
    const child = column(
      [
        { key: "a", value: 1 },
        { key: "b", value: 2 },
        { key: "c", value: null },
      ],
      entries,
    );
    const data = makeData({
      type: new Map_(new Field("entries", entries, false) as never),
      valueOffsets: Int32Array.of(0, 1, 1, 3),
      child,
      length: 3,
    });
    const found = gather(data.type, [
      { data, start: 2, end: 3 },
      { data, start: 0, end: 1 },
    ]);
    expect(valuesOf(found)).toEqual([{ b: 2, c: null }, { a: 1 }]);
  });

  test.each(["dense", "sparse"])(
    "the rows of a %s union column are gathered in the requested order",
    (mode) => {
      const fields = [new Field("n", new Int32(), true), new Field("s", new Utf8(), true)];
      const typeIds = Int8Array.of(0, 1, 0, 1, 1);
      const data =
        mode === "dense"
          ? makeData({
              type: new DenseUnion([0, 1], fields),
              typeIds,
              valueOffsets: Int32Array.of(0, 0, 1, 1, 2),
              children: [column([10, 20], new Int32()), column(["a", "b", "c"], new Utf8())],
              length: 5,
            } as never)
          : makeData({
              type: new SparseUnion([0, 1], fields),
              typeIds,
              children: [column([10, 0, 20, 0, 0], new Int32()), column(["", "a", "", "b", "c"], new Utf8())],
              length: 5,
            } as never);
      const all: Data = data;
      expect(
        valuesOf(
          gather(all.type, [
            { data: all, start: 1, end: 4 },
            { data: all, start: 0, end: 1 },
          ]),
        ),
      ).toEqual(["a", 20, "b", 10]);
    },
  );
});

test("pieces with different dictionaries become one column without a dictionary", () => {
  const type = () => new Dictionary(new Utf8(), new Int32());
  const [one, two] = [column(["a", "b"], type()), column(["b", null, "c"], type())];
  const found = gather(one.type, [
    { data: one, start: 0, end: 2 },
    { data: two, start: 0, end: 3 },
  ]);
  expect(`${found.type}`).toBe("Utf8");
  expect(valuesOf(found)).toEqual(["a", "b", "b", null, "c"]);
});

test("values are found in every piece of a dictionary", () => {
  const dictionary = vectorFromArray(["a", "b"], new Utf8()).concat(vectorFromArray(["c", "d"], new Utf8()));
  const type = new Dictionary(new Utf8(), new Int32());
  const data = makeData({ type, data: Int32Array.of(3, 0, 2), dictionary, length: 3 });
  expect(valuesOf(gather(type, [{ data, start: 0, end: 3 }]))).toEqual(["d", "a", "c"]);
});

/** Types that become others: dictionaries and views become plain values. */
const PLAIN_TYPES: Readonly<Record<string, string>> = {
  dictionary: "Utf8",
  utf8View: "Utf8",
  listOfDictionary: "List<Utf8>",
};

test.each(Object.entries(COLUMNS))(
  "gathering no rows of a %s column gives an empty plain column",
  (name, make) => {
    const { type } = make();
    const found = gather(type, []);
    expect([found.length, found.nullCount, valuesOf(found)]).toEqual([0, 0, []]);
    expect(`${found.type}`).toBe(PLAIN_TYPES[name] ?? `${type}`);
  },
);
