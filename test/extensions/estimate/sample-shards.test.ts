import { expect, test } from "vitest";
import { cutShard, spreadShards } from "../../../extensions/estimate/sample-shards.ts";
import { shardId } from "../../../shared/domain/shard.ts";
import { anInputFile } from "../../support/builders.ts";

function shardsOf(sizes: readonly number[]) {
  return sizes.map((rows, id) => ({ id: shardId(id), rowStart: 10, rowEnd: 10 + rows }));
}

test("a few sampled shards are spread over the whole dataset", () => {
  const ids = spreadShards(shardsOf(Array(1_000).fill(5)), 8).map(({ id }) => Number(id));
  expect(new Set(ids).size).toBe(8);
  const sorted = ids.toSorted((a, b) => a - b);
  const gaps = [...sorted, 1_000].map((id, index) => id - (sorted[index - 1] ?? 0));
  expect(Math.max(...gaps)).toBeLessThan(250);
});

test("each shard is sampled at most once, and empty shards never", () => {
  const ids = spreadShards(shardsOf([1, 0, 1, 1, 0]), 100).map(({ id }) => Number(id));
  expect(ids.toSorted()).toEqual([0, 2, 3]);
  expect(spreadShards(shardsOf([0]), 100)).toEqual([]);
});

test("a cut shard is the beginning of the shard, at least one row and at most all rows", () => {
  const shard = { id: shardId(3), rowStart: 10, rowEnd: 110 };
  const [first, second] = ["/a", "/b"].map((path) => anInputFile({ path }));
  if (first === undefined || second === undefined) throw new Error("no files");
  const start = { file: first, rowStart: 80, rowEnd: 100 };
  const whole = { shard, slices: [start, { file: second, rowStart: 0, rowEnd: 80 }] };
  expect(cutShard(whole, 30)).toEqual({
    shard: { ...shard, rowEnd: 40 },
    slices: [start, { file: second, rowStart: 0, rowEnd: 10 }],
  });
  expect(cutShard(whole, 20)).toEqual({ shard: { ...shard, rowEnd: 30 }, slices: [start] });
  expect(cutShard(whole, 0.5)).toEqual({
    shard: { ...shard, rowEnd: 11 },
    slices: [{ ...start, rowEnd: 81 }],
  });
  expect(cutShard(whole, 1_000)).toEqual(whole);
});
