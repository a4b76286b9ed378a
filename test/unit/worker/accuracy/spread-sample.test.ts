import fc from "fast-check";
import { expect, test } from "vitest";
import { type Shard, shardId, shardRows } from "../../../../shared/domain/shard.ts";
import { spreadSample } from "../../../../worker/accuracy/spread-sample.ts";

function shardsOf(sizes: readonly number[]): Shard[] {
  let rowStart = 0;
  return sizes.map((rows, index) => {
    const shard = { id: shardId(index), file: 0, rowStart, rowEnd: rowStart + rows };
    rowStart += rows;
    return shard;
  });
}

test("a sample has as many rows as asked, each once, all of them rows of the plan; or all rows there are", () => {
  const sizes = fc.array(fc.nat({ max: 40 }), { maxLength: 20 });
  fc.assert(
    fc.property(sizes, fc.integer({ min: 1, max: 300 }), (rows, wanted) => {
      const shards = shardsOf(rows);
      const total = shards.reduce((sum, shard) => sum + shardRows(shard), 0);
      const found = spreadSample(shards, wanted).flatMap(({ rowStart, rowEnd }) =>
        Array.from({ length: rowEnd - rowStart }, (_, index) => rowStart + index),
      );
      expect(found).toHaveLength(Math.min(total, wanted));
      expect(new Set(found).size).toBe(found.length);
      expect(found.every((row) => row >= 0 && row < total)).toBe(true);
    }),
    { examples: [[[9, 26, 5, 23, 21, 13, 32, 20, 14], 162]] },
  );
});

test("it comes from all over the dataset", () => {
  const shards = shardsOf(Array(100).fill(1_000));
  const starts = spreadSample(shards, 256).map(({ rowStart }) => rowStart);
  expect(starts).toEqual([0, 12_500, 25_000, 37_500, 50_000, 62_500, 75_000, 87_500]);
});
