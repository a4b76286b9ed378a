import type { LeaseSlice } from "../../shared/domain/job.ts";
import { type Shard, shardRows } from "../../shared/domain/shard.ts";
import type { SampleShard } from "./sample-protocol.ts";

/** Step of the golden ratio. Any number of such steps is evenly distributed. */
const GOLDEN = (Math.sqrt(5) - 1) / 2;

/**
 * Returns `count` shards from the whole dataset. Its beginning, such as a file sorted by length, is not
 * representative. No shard repeats, and shards without rows are excluded.
 */
export function spreadShards(shards: readonly Shard[], count: number): Shard[] {
  const full = shards.filter((shard) => shardRows(shard) > 0);
  const order = new Set<number>();
  for (let step = 0; order.size < Math.min(count, full.length); step += 1) {
    // If a step repeats an index, the next free one serves as well.
    let at = Math.floor(((step * GOLDEN) % 1) * full.length);
    while (order.has(at)) at = (at + 1) % full.length;
    order.add(at);
  }
  return [...order].flatMap((at) => full[at] ?? []);
}

/** Returns at most `rows` first rows of a shard. */
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
