import { expect, test } from "vitest";
import { BUCKET_COLUMN } from "../../../../shared/domain/buckets.ts";
import { cutTable } from "../../../../shared/reduce/cut-table.ts";

/** Values in Thrift's compact protocol, with their types. */
type Value = readonly [type: number, bytes: readonly number[]];

function varint(value: number): number[] {
  return value < 0x80 ? [value] : [(value % 0x80) + 0x80, ...varint(Math.floor(value / 0x80))];
}
const listHead = (items: number) => (items < 15 ? [items * 16 + 12] : [0xfc, ...varint(items)]);
const i32 = (value: number): Value => [5, varint(value * 2)];
const i64 = (value: number): Value => [6, varint(value * 2)];
const binary = (bytes: Uint8Array): Value => [8, [...varint(bytes.length), ...bytes]];
const struct = (fields: Readonly<Record<number, Value>>): Value => [
  12,
  [
    ...Object.entries(fields).flatMap(([id, [type, bytes]]) => [type, ...varint(Number(id) * 2), ...bytes]),
    0,
  ],
];
const structs = (items: readonly Value[]): Value => [
  9,
  [...listHead(items.length), ...items.flatMap(([, bytes]) => bytes)],
];

interface Group {
  readonly at: number;
  readonly bytes: number;
  /** Least and greatest bucket. Null: no statistics. */
  readonly buckets: readonly [number, number] | null;
  /** Offset of the dictionary, before the pages of data. Default: none. */
  readonly dictionary?: number;
  /** Bytes of a bloom filter. Default: none. */
  readonly filter?: readonly [start: number, end: number];
}

const GROUP_ROWS = 10;

function bound(bucket: number): Value {
  const bytes = Buffer.alloc(4);
  bytes.writeInt32LE(bucket);
  return binary(bytes);
}

function chunkOf({ at, bytes, buckets, dictionary, filter }: Group): Value {
  return struct({
    3: struct({
      7: i64(bytes),
      9: i64(at),
      ...(dictionary === undefined ? {} : { 11: i64(dictionary) }),
      ...(filter === undefined ? {} : { 14: i64(filter[0]), 15: i32(filter[1] - filter[0]) }),
      ...(buckets === null ? {} : { 12: struct({ 5: bound(buckets[1]), 6: bound(buckets[0]) }) }),
    }),
  });
}

function footerOf(groups: readonly Group[]): Buffer {
  const name = binary(Buffer.from(BUCKET_COLUMN));
  const [, bytes] = struct({
    2: structs([struct({ 4: name, 5: i32(1) }), struct({ 1: i32(1), 3: i32(1), 4: name, 6: i32(16) })]),
    3: i64(groups.length * GROUP_ROWS),
    4: structs(groups.map((group) => struct({ 1: structs([chunkOf(group)]), 3: i64(GROUP_ROWS) }))),
    7: structs([struct({ 1: struct({}) })]),
  });
  return Buffer.from(bytes);
}

const BYTES = 2_000;
/** Groups of 100 bytes, with the buckets 0 to 5, 5 to 10 and 10 to 20. */
const FIRST: Group = { at: 4, bytes: 100, buckets: [0, 5] };
const SECOND: Group = { at: 124, bytes: 100, buckets: [5, 10], dictionary: 104, filter: [310, 330] };
const THIRD: Group = { at: 204, bytes: 100, buckets: [10, 20] };
const GROUPS = [FIRST, SECOND, THIRD];

function cutOf(groups: readonly Group[], from: number, to: number) {
  return cutTable(footerOf(groups), { bytes: BYTES, rows: groups.length * GROUP_ROWS }, { from, to });
}

test.each([
  [0, 1, [FIRST]],
  [5, 6, [FIRST, SECOND]],
  [6, 7, [SECOND]],
  [10, 11, [SECOND, THIRD]],
  [20, 30, [THIRD]],
  [21, 30, []],
  [0, 4096, GROUPS],
])("a cut to buckets %i to %i is a table of the row groups that may have them", (from, to, kept) => {
  expect(cutOf(GROUPS, from, to)).toMatchObject({ footer: footerOf(kept) });
});

test("pages from the dictionary on, and bloom filters, are the bytes of a row group", () => {
  expect(cutOf(GROUPS, 5, 6)?.ranges).toEqual([
    { start: 4, end: 104 },
    { start: 104, end: 204 },
    { start: 310, end: 330 },
  ]);
});

test("a row group without statistics, or with contradictory ones, is kept", () => {
  for (const buckets of [null, [9, 2]] as const) {
    const odd = { ...SECOND, buckets };
    expect(cutOf([FIRST, odd, THIRD], 20, 21)?.footer).toEqual(footerOf([odd, THIRD]));
  }
});

test("a cut of any number of row groups is a valid footer", () => {
  const many = Array.from({ length: 300 }, (_, index): Group => ({ ...FIRST, buckets: [index, index + 1] }));
  const cut = cutTable(footerOf(many), { bytes: 1 << 20, rows: 3_000 }, { from: 20, to: 251 });
  expect(cut).toMatchObject({ footer: footerOf(many.slice(19, 251)) });
});

test("a table without row groups is itself", () => {
  expect(cutOf([], 0, 1)).toEqual({ ranges: [], footer: footerOf([]) });
});

test("a footer that is damaged, or of another table, gives no cut", () => {
  const footer = footerOf(GROUPS);
  const range = { from: 0, to: 1 };
  const table = { bytes: BYTES, rows: 30 };
  expect(cutTable(footer, table, range)).not.toBeNull();
  expect(cutTable(footer, { ...table, rows: 31 }, range)).toBeNull();
  expect(cutTable(footer, { ...table, bytes: footer.length + 103 }, range)).toBeNull();
  expect(cutTable(footer.subarray(0, footer.length - 20), table, range)).toBeNull();
  expect(cutOf([{ ...FIRST, bytes: -9 }], 0, 1)).toBeNull();
});
