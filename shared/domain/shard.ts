/** A shard's place in the plan: 0, 1, 2, ...; the halves of a split shard take the next free numbers. */
export type ShardId = number & { readonly __brand: "ShardId" };

export function shardId(value: number): ShardId {
  if (!Number.isSafeInteger(value) || value < 0) throw new Error(`broken invariant: shard id ${value}`);
  return value as ShardId;
}

/**
 * Rows `[rowStart, rowEnd)` of the dataset, counted over its files in their order: the unit that is leased,
 * retried and committed. A part of one large file, or many small files; which rows of which files they are is
 * the dataset's to say (see `DatasetRows`).
 */
export interface Shard {
  readonly id: ShardId;
  readonly rowStart: number;
  readonly rowEnd: number;
}

export function shardRows(shard: Pick<Shard, "rowStart" | "rowEnd">): number {
  return shard.rowEnd - shard.rowStart;
}

/** Plan order: by row. Published rows are in this order. */
export function compareShards(a: Shard, b: Shard): number {
  return a.rowStart - b.rowStart;
}
