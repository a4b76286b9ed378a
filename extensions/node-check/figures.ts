import type { Placement } from "./loop-protocol.ts";

/** Time when a shard's rows were written, and their number. */
interface ShardEnd {
  readonly atMs: number;
  readonly rows: number;
}

/** Fewer shards leave too little between the first and the last. */
const LEAST_SHARDS = 4;

/**
 * Returns the rows a second of a run without its start and its tail. They count from the first complete shard
 * to the second last. Null: too few shards, or no time between them.
 */
export function steadyRate(ends: readonly ShardEnd[]): number | null {
  const inOrder = ends.toSorted((a, b) => a.atMs - b.atMs);
  const [first, last] = [inOrder[0], inOrder.at(-2)];
  if (first === undefined || last === undefined || inOrder.length < LEAST_SHARDS) return null;
  const rows = inOrder.slice(1, -1).reduce((sum, end) => sum + end.rows, 0);
  return last.atMs > first.atMs ? (1_000 * rows) / (last.atMs - first.atMs) : null;
}

/** Null: no values. */
export function meanOf(values: readonly number[]): number | null {
  return values.length === 0 ? null : values.reduce((sum, value) => sum + value, 0) / values.length;
}

/** Returns the largest difference, relative to the largest expected value. Infinity: a value is missing. */
export function worstError(found: readonly number[], expected: readonly number[]): number {
  if (found.length !== expected.length || found.length === 0) return Number.POSITIVE_INFINITY;
  const scale = expected.reduce((most, value) => Math.max(most, Math.abs(value)), 0);
  const worst = found.reduce((most, value, index) => {
    const off = Math.abs(value - (expected[index] ?? Number.NaN));
    return Number.isNaN(off) ? Number.POSITIVE_INFINITY : Math.max(most, off);
  }, 0);
  return scale === 0 ? worst : worst / scale;
}

/** Describes rows that are missing, repeated or out of order. Null: each is there once. */
export function rowsFault(ids: Iterable<number>, rows: number, fileRows: number): string | null {
  let at = 0;
  for (const id of ids) {
    if (id !== at % fileRows) return `row ${at} of the output is row ${id} of its file, not ${at % fileRows}`;
    at += 1;
  }
  return at === rows ? null : `the output has ${at} rows instead of ${rows}`;
}

/** Event of ONNX Runtime's profile, in the form of Chrome's traces. */
interface ProfileEvent {
  readonly cat?: string;
  readonly name?: string;
  readonly dur?: number;
  readonly args?: { readonly op_name?: string; readonly provider?: string };
}

/** Reads from the profile of one run where its operators ran. */
export function placementOf(events: readonly ProfileEvent[]): Placement {
  const nodes = events.filter(({ cat, name }) => cat === "Node" && name?.endsWith("_kernel_time"));
  const isCopy = ({ args }: ProfileEvent) => args?.op_name?.startsWith("Memcpy") ?? false;
  const copies = nodes.filter(isCopy);
  const operators = nodes.filter((node) => !isCopy(node));
  const onCpu = operators.filter(({ args }) => args?.provider === "CPUExecutionProvider");
  const micros = (some: readonly ProfileEvent[]) => some.reduce((sum, { dur = 0 }) => sum + dur, 0);
  const all = micros(nodes);
  return {
    onDevice: operators.length - onCpu.length,
    onCpu: onCpu.length,
    copies: copies.length,
    copyShare: all === 0 ? 0 : micros(copies) / all,
  };
}
