import { expect, test } from "vitest";
import { cutShard, spreadShards } from "../../../../cli/estimate/sample-shards.ts";
import { shardId } from "../../../../shared/domain/shard.ts";

function shardsOf(sizes: readonly number[]) {
  return sizes.map((rows, id) => ({ id: shardId(id), file: 0, rowStart: 10, rowEnd: 10 + rows }));
}

test("a few shards come from all over the dataset", () => {
  const ids = spreadShards(shardsOf(Array(1_000).fill(5)), 8).map(({ id }) => Number(id));
  expect(new Set(ids).size).toBe(8);
  const sorted = ids.toSorted((a, b) => a - b);
  const gaps = [...sorted, 1_000].map((id, index) => id - (sorted[index - 1] ?? 0));
  expect(Math.max(...gaps)).toBeLessThan(250);
});

test("each comes once, and those without rows never", () => {
  const ids = spreadShards(shardsOf([1, 0, 1, 1, 0]), 100).map(({ id }) => Number(id));
  expect(ids.toSorted()).toEqual([0, 2, 3]);
  expect(spreadShards(shardsOf([0]), 100)).toEqual([]);
});

test("a cut shard is its beginning, and never empty or longer", () => {
  const [shard] = shardsOf([100]);
  if (shard === undefined) throw new Error("no shard");
  expect(cutShard(shard, 30)).toEqual({ ...shard, rowEnd: 40 });
  expect(cutShard(shard, 0.5)).toEqual({ ...shard, rowEnd: 11 });
  expect(cutShard(shard, 1_000)).toEqual(shard);
});
