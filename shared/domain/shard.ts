/** Number of a shard in the plan: 0, 1, 2, ... The halves of a split shard take the next free numbers. */
export type ShardId = number & { readonly __brand: "ShardId" };

export function shardId(value: number): ShardId {
  if (!Number.isSafeInteger(value) || value < 0) throw new Error(`broken invariant: shard id ${value}`);
  return value as ShardId;
}

/**
 * Rows `[rowStart, rowEnd)` of the dataset, counted over its files in order. A shard is the unit that is
 * leased, retried and committed. It is a part of one large file, or many small files. `DatasetRows` maps its
 * rows to files.
 */
export interface Shard {
  readonly id: ShardId;
  readonly rowStart: number;
  readonly rowEnd: number;
}

export function shardRows(shard: Pick<Shard, "rowStart" | "rowEnd">): number {
  return shard.rowEnd - shard.rowStart;
}

/** Compares two shards by plan order, which is by row. Published rows have this order. */
export function compareShards(a: Shard, b: Shard): number {
  return a.rowStart - b.rowStart;
}
