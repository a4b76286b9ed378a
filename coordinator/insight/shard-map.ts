import { deflateRawSync, inflateRawSync } from "node:zlib";
import type { ShardMap } from "../../shared/domain/run-history.ts";
import { KIND_BITS } from "./shard-cells.ts";

/** Limit of cells of a stored map: some kilobytes when most shards are committed, and 150 KB at worst. */
const MOST_CELLS = 262_144;
/**
 * Kinds by ascending weight. A shared cell shows its heaviest kind, so open and poisoned shards stay visible.
 */
const BY_WEIGHT = [3, 2, 1, 0, 4];

/** @param most cells: with more shards, neighboring ones share a cell, as in {@link ShardMap} */
export function coarser(cells: Uint8Array, most: number): { shardsPerCell: number; cells: Uint8Array } {
  const shardsPerCell = Math.max(1, Math.ceil(cells.length / most));
  if (shardsPerCell === 1) return { shardsPerCell, cells };
  const shared = new Uint8Array(Math.ceil(cells.length / shardsPerCell));
  for (let at = 0; at < shared.length; at += 1)
    shared[at] = cells.subarray(at * shardsPerCell, (at + 1) * shardsPerCell).reduce(worse);
  return { shardsPerCell, cells: shared };
}

export function packMap(all: Uint8Array): ShardMap {
  const { shardsPerCell, cells } = coarser(all, MOST_CELLS);
  return { shardsPerCell, cells: deflateRawSync(cells).toString("base64") };
}

/** Unpacks the cells. Empty for a damaged map. */
export function unpackMap({ cells }: ShardMap): Uint8Array {
  try {
    return inflateRawSync(Buffer.from(cells, "base64"), { maxOutputLength: MOST_CELLS });
  } catch {
    return new Uint8Array();
  }
}

function worse(a: number, b: number): number {
  const [kindOfA, kindOfB] = [a & KIND_BITS, b & KIND_BITS];
  const kind = BY_WEIGHT.indexOf(kindOfA) > BY_WEIGHT.indexOf(kindOfB) ? kindOfA : kindOfB;
  return ((a | b) & ~KIND_BITS) | kind;
}
