import {
  Bool,
  Field,
  FixedSizeList,
  Float32,
  makeData,
  makeVector,
  Table,
  TimestampMicrosecond,
  Vector,
  vectorFromArray,
} from "apache-arrow";
import { expect, it } from "vitest";
import { seededRandom } from "../../../../examples/digits/random.ts";
import { chooseEncodings } from "../../../../shared/dataset/column-encoding.ts";

const ROWS = 5_000;
const MOST_DELTA_COLUMNS = 256;
const random = seededRandom(11);
const noise = Float32Array.from({ length: ROWS * 4 }, () => random());
const wild = BigInt64Array.from({ length: 20 }, () => BigInt(Math.floor(random() * 2 ** 53)));

const embeddings = makeData({
  type: new FixedSizeList(4, new Field("item", new Float32(), true)),
  length: ROWS,
  nullCount: 0,
  child: makeData({ type: new Float32(), length: noise.length, data: noise }),
});

const table = new Table({
  "row numbers": makeVector(Int32Array.from({ length: ROWS }, (_, row) => 1_000_000 + row)),
  "small numbers": makeVector(Int16Array.from({ length: ROWS }, () => Math.floor(random() * 60))),
  "hashes, each different": makeVector(
    BigInt64Array.from(
      { length: ROWS },
      () => (BigInt(Math.floor(random() * 2 ** 31)) << 32n) + BigInt(Math.floor(random() * 2 ** 32)),
    ),
  ),
  "few hashes": makeVector(BigInt64Array.from({ length: ROWS }, () => wild[Math.floor(random() * 20)] ?? 0n)),
  times: vectorFromArray(
    Array.from({ length: ROWS }, (_, row) => 1_700_000_000_000 + row * 1_000 + Math.floor(random() * 500)),
    new TimestampMicrosecond(),
  ),
  scores: makeVector(noise.slice(0, ROWS)),
  "scores, mostly zero": makeVector(noise.slice(0, ROWS).map((score) => Math.max(0, score - 0.8))),
  embeddings: new Vector([embeddings]),
  texts: vectorFromArray(Array.from({ length: ROWS }, (_, row) => `text ${row}`)),
  flags: vectorFromArray(
    Array.from({ length: ROWS }, (_, row) => row % 3 === 0),
    new Bool(),
  ),
});

it("the encoding of a column suits its values", () => {
  expect(Object.fromEntries(chooseEncodings(table))).toEqual({
    "row numbers": "delta",
    "small numbers": "delta",
    "hashes, each different": "plain",
    "few hashes": "compressed",
    times: "delta",
    scores: "plain",
    "scores, mostly zero": "compressed",
    embeddings: "plain",
    texts: "compressed",
    flags: "compressed",
  });
});

it("the encodings are the same, whatever pieces the rows are in", () => {
  const ends = [1, 200, 257, 2_600, ROWS];
  const pieces = ends.flatMap((end, index) => table.slice(ends[index - 1] ?? 0, end).batches);
  expect(pieces).toHaveLength(ends.length);
  expect(chooseEncodings(new Table(table.schema, pieces))).toEqual(chooseEncodings(table));
});

it("a column that begins with zeros is compressed, and the rest of that column alone is plain", () => {
  const half = Float32Array.from(noise.slice(0, ROWS), (score, row) => (row < 300 ? 0 : score));
  const late = new Table({ half: makeVector(half) });
  expect(chooseEncodings(late).get("half")).toBe("compressed");
  expect(chooseEncodings(late.slice(300)).get("half")).toBe("plain");
});

it.each([
  ["middle", 2_372],
  ["end", 4_744],
])(
  "a column with zeros only in the %s is compressed, because rows there are part of the sample",
  (_, start) => {
    const zeroed = noise.slice(0, ROWS).fill(0, start, start + 256);
    expect(chooseEncodings(new Table({ zeroed: makeVector(zeroed) })).get("zeroed")).toBe("compressed");
  },
);

it("the delta encoding is used for as many columns as the encoder has memory for", () => {
  const counted = makeVector(Int32Array.from({ length: ROWS }, (_, row) => row));
  const columns = Array.from(
    { length: MOST_DELTA_COLUMNS + 2 },
    (_, index) => [`c${index}`, counted] as const,
  );
  const encodings = [...chooseEncodings(new Table(Object.fromEntries(columns))).values()];
  expect(encodings.slice(MOST_DELTA_COLUMNS - 1)).toEqual(["delta", "compressed", "compressed"]);
  expect(new Set(encodings.slice(0, MOST_DELTA_COLUMNS))).toEqual(new Set(["delta"]));
});

it("a table without rows has an encoding for every column", () => {
  expect(chooseEncodings(table.slice(0, 0)).size).toBe(table.numCols);
});
