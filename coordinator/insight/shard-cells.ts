import { compareShards } from "../../shared/domain/shard.ts";
import type { JobState } from "../schedule/state/job-state.ts";
import type { ShardEntry } from "../schedule/state/shard-state.ts";

/** Kind of a shard in a cell of the map. */
const CELLS = { pending: 0, leased: 1, committing: 2, committed: 3, poisoned: 4, split: 0 } as const;
/** Mask of the kind bits. */
export const KIND_BITS = 7;
/** Flags of a cell, added to the kind. */
const FAILED_BEFORE = 8;
const HAS_BACKUP = 16;
const HAS_DEAD_LETTERS = 32;

/** Returns one byte a shard, in plan order. A split shard is replaced by its halves. */
export function shardCells({ shards, counts }: JobState): Uint8Array {
  // Until a shard is split, ids are in plan order.
  const whole = counts.split === 0 ? shards : inOrder(shards);
  return Uint8Array.from(whole, cellOf);
}

function inOrder(shards: readonly ShardEntry[]): readonly ShardEntry[] {
  return shards.filter(({ state }) => state.kind !== "split").sort((a, b) => compareShards(a.shard, b.shard));
}

function cellOf(entry: ShardEntry): number {
  let cell: number = CELLS[entry.state.kind];
  if (entry.failures.length > 0 || entry.parent !== null) cell += FAILED_BEFORE;
  if (hasBackup(entry)) cell += HAS_BACKUP;
  if (hasDeadLetters(entry)) cell += HAS_DEAD_LETTERS;
  return cell;
}

function hasBackup({ state }: ShardEntry): boolean {
  return state.kind === "leased" && state.leases.length > 1;
}

function hasDeadLetters({ state }: ShardEntry): boolean {
  return state.kind === "committed" && state.partial.rowsDeadLettered > 0;
}
