import { Field, Float32, Int64, List } from "apache-arrow";
import { expect, test } from "vitest";
import { DTYPES, type Dtype } from "../../../../shared/domain/tensor.ts";
import { buildFeeds, batchOf as rowsBatch } from "../../../../worker/batch/batch.ts";
import { BufferPool } from "../../../../worker/batch/buffer-pool.ts";
import { InputChunk } from "../../../../worker/tensorize/input-chunk.ts";
import { tensorArray } from "../../../../worker/tensorize/tensorize.ts";
import { decodeHalf } from "../../../support/decode-half.ts";
import { aBinding, batchOf, column } from "../../../support/shard-inputs.ts";
import { listColumn } from "../../../support/uneven-model.ts";

const mask = (changes: Partial<Parameters<typeof aBinding>[0]> = {}) =>
  aBinding({
    tensor: "m",
    source: { kind: "mask", of: "x" },
    rowShape: { kind: "padded", pad: 0, sequence: 0 },
    ...changes,
  });

/** Builds the tensors of rows `[from, to)` of a column `c` in dirty memory. */
function build(
  c: ReturnType<typeof column>,
  inputs: readonly ReturnType<typeof aBinding>[],
  { from = 0, to = c.length, fixedBatchRows = null as number | null } = {},
) {
  const chunk = new InputChunk(batchOf({ c }), 0, inputs);
  const batch = rowsBatch([{ chunk, start: from, end: to }]);
  const pool = new BufferPool(20);
  const plan = { inputs, fixedBatchRows };
  const first = buildFeeds(batch, plan, pool);
  for (const { data } of Object.values(first)) new Uint8Array(data).fill(0x55);
  pool.give(first);
  const feeds = buildFeeds(batch, plan, pool);
  return inputs.map((binding) => {
    const feed = feeds[binding.tensor];
    if (feed === undefined) throw new Error("no tensor");
    const values = Array.from(
      tensorArray(binding.dtype as Dtype, feed.data) as ArrayLike<number | bigint>,
      Number,
    );
    return { dims: feed.dims, values: binding.dtype === "float16" ? values.map(decodeHalf) : values };
  });
}

test.each(DTYPES)(
  "%s: each row is its positions and then padding, and the mask marks the positions",
  (dtype) => {
    const c = listColumn([[1, 1, 0], [1], [], [1, 0]]);
    const inputs = [aBinding({ dtype, rowShape: { kind: "padded", pad: 1, sequence: 0 } }), mask({ dtype })];
    expect(build(c, inputs)).toEqual([
      { dims: [4, 3], values: [1, 1, 0, 1, 1, 1, 1, 1, 1, 1, 0, 1] },
      { dims: [4, 3], values: [1, 1, 1, 1, 0, 0, 0, 0, 0, 1, 1, 0] },
    ]);
  },
);

test("scale, offset and fill apply to values, and padding is written unscaled", () => {
  const c = column(
    [
      [1, null],
      [2, 3, 4],
    ],
    new List(new Field("item", new Float32(), true)),
  );
  const [tensor] = build(c, [
    aBinding({ scale: 2, offset: 1, fill: 10, rowShape: { kind: "padded", pad: -7, sequence: 0 } }),
  ]);
  expect(tensor).toEqual({ dims: [2, 3], values: [3, 21, -7, 5, 7, 9] });
});

test("positions of several values are padded as whole positions", () => {
  const pairs = aBinding({
    rowDims: [1, 2],
    rowValues: 2,
    rowShape: { kind: "padded", pad: 9, sequence: 0 },
  });
  expect(build(listColumn([[1, 2], [3, 4, 5, 6], []]), [pairs, mask()])).toEqual([
    { dims: [3, 2, 1, 2], values: [1, 2, 9, 9, 3, 4, 5, 6, 9, 9, 9, 9] },
    { dims: [3, 2], values: [1, 0, 1, 1, 0, 0] },
  ]);
});

test("64-bit values stay exact in a padded tensor", () => {
  const big = 2n ** 60n + 1n;
  const c = column([[big], [big, -1n]], new List(new Field("item", new Int64(), true)));
  const binding = aBinding({ dtype: "int64", rowShape: { kind: "padded", pad: 0, sequence: 0 } });
  const chunk = new InputChunk(batchOf({ c }), 0, [binding]);
  const batch = rowsBatch([{ chunk, start: 0, end: 2 }]);
  const { x } = buildFeeds(batch, { inputs: [binding], fixedBatchRows: null }, new BufferPool(1));
  expect([...new BigInt64Array(x?.data ?? new ArrayBuffer(0))]).toEqual([big, 0n, big, -1n]);
});

test("scale and offset make a mask additive, and scale 0 makes it all zeros", () => {
  const c = listColumn([[5], [5, 5]]);
  const additive = mask({ scale: 100, offset: -100, rowShape: { kind: "padded", pad: -100, sequence: 0 } });
  const zeros = mask({ tensor: "z", scale: 0 });
  const [, m, z] = build(c, [
    aBinding({ rowShape: { kind: "padded", pad: 0, sequence: 0 } }),
    additive,
    zeros,
  ]);
  expect([m?.values, z?.values]).toEqual([
    [0, -100, 0, 0],
    [0, 0, 0, 0],
  ]);
});

test("a fixed batch is filled up with copies of its last padded row", () => {
  const [tensor] = build(
    listColumn([[1, 2, 3], [4]]),
    [aBinding({ rowShape: { kind: "padded", pad: 0, sequence: 0 } })],
    {
      fixedBatchRows: 4,
    },
  );
  expect(tensor).toEqual({ dims: [4, 3], values: [1, 2, 3, 4, 0, 0, 4, 0, 0, 4, 0, 0] });
});

const pairs = (changes: Partial<Parameters<typeof aBinding>[0]> = {}) =>
  aBinding({ rowShape: { kind: "pairs", pad: 7, sequence: 0, before: 0 }, ...changes });

test("pairs of positions are padded behind each line and by whole lines", () => {
  const c = listColumn([[1, 2, 3, 4], [5], []]);
  expect(build(c, [pairs()])).toEqual([{ dims: [3, 2, 2], values: [1, 2, 3, 4, 5, 7, 7, 7, 7, 7, 7, 7] }]);
  const shape = { kind: "pairs", pad: 7, sequence: 0, before: 1 } as const;
  const twice = pairs({ rowDims: [1, 2], rowValues: 2, rowShape: shape });
  expect(
    build(
      listColumn([
        [1, 2, 3, 4, 5, 6, 7, 8],
        [9, 9],
      ]),
      [twice],
    ),
  ).toEqual([{ dims: [2, 1, 2, 2, 2], values: [1, 2, 3, 4, 5, 6, 7, 8, 9, 9, ...Array(6).fill(7)] }]);
});

test("a mask of pairs has ones in each line, or up to the line's own position", () => {
  const c = listColumn([
    [1, 2, 3],
    [4, 5],
  ]);
  const ids = aBinding({ rowShape: { kind: "padded", pad: 0, sequence: 0 } });
  const rowShape = { kind: "pairs", pad: 0, sequence: 0, before: 0 } as const;
  const full = pairs({ tensor: "f", source: { kind: "mask", of: "x" }, rowShape });
  const causal = pairs({ tensor: "m", source: { kind: "mask", of: "x", causal: true }, rowShape });
  const [, whole, before] = build(c, [ids, full, causal]);
  expect(whole).toEqual({ dims: [2, 3, 3], values: [...Array(9).fill(1), 1, 1, 0, 1, 1, 0, 1, 1, 0] });
  expect(before).toEqual({
    dims: [2, 3, 3],
    values: [...[1, 0, 0, 1, 1, 0, 1, 1, 1], ...[1, 0, 0, 1, 1, 0, 1, 1, 0]],
  });
});

test.each(["int64", "int32", "float32"] as const)("%s: lengths and positions follow the lists", (dtype) => {
  const ids = aBinding({ rowShape: { kind: "padded", pad: 0, sequence: 0 } });
  const lengths = aBinding({
    ...{ tensor: "l", dtype, source: { kind: "lengths", of: "x" }, rowDims: [1] },
    rowShape: { kind: "counted", sequence: 0 },
  });
  const rowShape = { kind: "padded", pad: 1, sequence: 0 } as const;
  const places = aBinding({
    tensor: "p",
    dtype,
    source: { kind: "positions", of: "x" },
    offset: 2,
    rowShape,
  });
  const [, counted, at] = build(listColumn([[9, 9, 9], [9], []]), [ids, lengths, places], { from: 0, to: 3 });
  expect(counted).toEqual({ dims: [3, 1], values: [3, 1, 0] });
  expect(at).toEqual({ dims: [3, 3], values: [2, 3, 4, 2, 1, 1, 1, 1, 1] });
});
