import type { LeaseSlice } from "../../shared/domain/job.ts";
import { type Shard, shardRows } from "../../shared/domain/shard.ts";
import type { SampleShard } from "./sample-protocol.ts";

/**
 * Steps of the golden ratio fall evenly however many there are: never twice near one place before all have
 * been seen.
 */
const GOLDEN = (Math.sqrt(5) - 1) / 2;

/**
 * `count` of the shards, from all over the dataset: what comes first in it (the first row group, a file
 * sorted by length) says little of the rest. Each at most once, those without rows never.
 */
export function spreadShards(shards: readonly Shard[], count: number): Shard[] {
  const full = shards.filter((shard) => shardRows(shard) > 0);
  const order = new Set<number>();
  for (let step = 0; order.size < Math.min(count, full.length); step += 1) {
    // Steps may meet a place again: the next free one after it is as good.
    let at = Math.floor(((step * GOLDEN) % 1) * full.length);
    while (order.has(at)) at = (at + 1) % full.length;
    order.add(at);
  }
  return [...order].flatMap((at) => full[at] ?? []);
}

/** The first rows of a shard, at most `rows` of them. */
export function cutShard({ shard, slices }: SampleShard, rows: number): SampleShard {
  const { id, rowStart } = shard;
  const most = Math.min(shardRows(shard), Math.max(1, Math.floor(rows)));
  const cut: LeaseSlice[] = [];
  let left = most;
  for (const { file, rowStart: from, rowEnd: to } of slices) {
    const taken = Math.min(left, to - from);
    if (taken > 0 || slices.length === 1) cut.push({ file, rowStart: from, rowEnd: from + taken });
    left -= taken;
  }
  return { shard: { id, rowStart, rowEnd: rowStart + most }, slices: cut };
}
