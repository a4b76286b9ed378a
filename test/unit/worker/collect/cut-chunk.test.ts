import { type Data, Dictionary, Field, Int32, List, makeData, Utf8, Utf8View } from "apache-arrow";
import { describe, expect, it } from "vitest";
import { gather } from "../../../../shared/dataset/gather.ts";
import { rangeBytes } from "../../../../shared/dataset/value-bytes.ts";
import { cutChunk } from "../../../../worker/collect/cut-chunk.ts";
import { column } from "../../../support/shard-inputs.ts";

const long = "x".repeat(1_000);
const texts = Array.from({ length: 64 }, (_, row) => (row % 9 === 8 ? null : row % 3 === 0 ? long : "s"));
const keys = new Dictionary(new Utf8(), new Int32(), 1);

/** Returns lists of indices into a dictionary, with two values each. */
function listsOf(items: Data): Data {
  const rows = items.length >> 1;
  return makeData({
    type: new List(new Field("item", items.type, true)),
    length: rows,
    nullCount: 0,
    valueOffsets: Int32Array.from({ length: rows + 1 }, (_, row) => row * 2),
    child: items,
  });
}

describe.each([
  ["plain strings", column(texts, new Utf8())],
  ["a dictionary", column(texts, keys)],
  ["views", column(texts, new Utf8View())],
  ["lists of a dictionary", listsOf(column([...texts, ...texts], keys))],
])("a chunk with %s", (_, data) => {
  const runs = [
    { start: 2, end: 20 },
    { start: 21, end: 22 },
    { start: 30, end: 64 },
  ];

  it.each([1, 500, 4_000, 1e9])(
    "is cut into pieces of at most %i bytes with all rows in order",
    (mostBytes) => {
      const pieces = cutChunk({ kept: [data], runs, rowBytes: 0 }, mostBytes);
      const rowsOf = (given: readonly { start: number; end: number }[]) =>
        given.flatMap(({ start, end }) => Array.from({ length: end - start }, (_, at) => start + at));
      expect(pieces.flatMap((piece) => rowsOf(piece.runs))).toEqual(rowsOf(runs));
      for (const { rows, runs: own } of pieces) {
        expect(rowsOf(own)).toHaveLength(rows);
        const gathered = gather(
          data.type,
          own.map(({ start, end }) => ({ data, start, end })),
        );
        if (rows > 1) expect(rangeBytes(gathered, 0, rows)).toBeLessThanOrEqual(mostBytes);
      }
      expect(pieces.length === 1).toBe(mostBytes === 1e9);
    },
  );
});

it("bytes made for each row count towards the limit, and no rows make no piece", () => {
  const runs = [{ start: 0, end: 10 }];
  expect(cutChunk({ kept: [], runs, rowBytes: 30 }, 100).map(({ rows }) => rows)).toEqual([3, 3, 3, 1]);
  expect(cutChunk({ kept: [], runs: [], rowBytes: 30 }, 100)).toEqual([]);
});
