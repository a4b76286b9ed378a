/** A shard's place in the plan: 0, 1, 2, ...; the halves of a split shard take the next free numbers. */
export type ShardId = number & { readonly __brand: "ShardId" };

export function shardId(value: number): ShardId {
  if (!Number.isSafeInteger(value) || value < 0) throw new Error(`broken invariant: shard id ${value}`);
  return value as ShardId;
}

/** Rows `[rowStart, rowEnd)` of one input file: the unit that is leased, retried and committed. */
export interface Shard {
  readonly id: ShardId;
  /** Index into the dataset's files. */
  readonly file: number;
  readonly rowStart: number;
  readonly rowEnd: number;
}

export function shardRows(shard: Pick<Shard, "rowStart" | "rowEnd">): number {
  return shard.rowEnd - shard.rowStart;
}

/** Plan order: by file, then by row. Published rows are in this order. */
export function compareShards(a: Shard, b: Shard): number {
  return a.file - b.file || a.rowStart - b.rowStart;
}
