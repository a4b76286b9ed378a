import type { RecordBatch } from "apache-arrow";
import type { InputBinding } from "../../shared/domain/map-binding.ts";
import type { DeadLetter } from "../../shared/domain/partial.ts";
import { NO_NOTED_ROWS, type NotedRows } from "../../shared/steps/noted-rows.ts";
import type { RowFailure } from "../../shared/steps/step.ts";
import { findPositions, type RowPositions } from "./row-positions.ts";
import { badRows, type InputColumns, openInputs } from "./tensorize.ts";

export interface RowRange {
  readonly start: number;
  readonly end: number;
}

/** Which rows of the shard the rows of a record batch came from. */
export interface RowOrigin {
  /** The rows of the shard `[sourceStart, sourceEnd)` that went in. */
  readonly sourceStart: number;
  readonly sourceEnd: number;
  /**
   * By row of the batch, the row of the shard that it came from, counted from `sourceStart`: ascending. Null:
   * one row of each, in order.
   */
  readonly sources: Uint32Array | null;
  /** Rows of the batch that could not be read, or that a step failed on, in order. */
  readonly failed: readonly RowFailure[];
  /** Rows of the shard, counted from `sourceStart`, that steps noted. */
  readonly noted: NotedRows;
}

/** Why a row is dead, without its place. */
export type DeadReason = Pick<DeadLetter, "stage" | "code" | "message">;

/**
 * One record batch on its way through: opened once, cut into batches for the model, kept until the last of
 * its rows is mapped or dead, then let go.
 *
 * Its rows are those of the shard, or what the job's steps made of them. A row of the shard of which they
 * made several is mapped as a whole or not at all: when one of its parts is dead, the others go with it.
 */
export class InputChunk {
  readonly batch: RecordBatch;
  /** Where its first row lies among all that the map is given of the shard. */
  readonly place: number;
  /** The rows of the shard that it was made of. */
  readonly origin: RowOrigin;
  readonly inputs: readonly InputColumns[];
  /** The rows that can be fed, in order. */
  readonly liveRuns: readonly RowRange[];
  /** Null where all rows have the model's own shape. */
  readonly positions: RowPositions | null;
  readonly #dead = new Map<number, DeadReason>();
  #rowsPending: number;

  /** @param origin left out: the rows of the shard from `place` on, one for one */
  constructor(
    batch: RecordBatch,
    place: number,
    bindings: readonly InputBinding[],
    origin: RowOrigin = wholeRows(place, place + batch.numRows),
  ) {
    this.batch = batch;
    this.place = place;
    this.origin = origin;
    this.inputs = openInputs(batch, bindings);
    const bad = badRows(this.inputs);
    // What a step says of a row is nearer to its cause than what its cells look like then.
    for (const { row, code, message } of origin.failed) bad.set(row, { code, message });
    this.positions = findPositions(this.inputs, batch.numRows, bad);
    const failed = new Set(origin.failed.map(({ row }) => row));
    for (const [row, { code, message }] of bad) {
      const stage = code === "ROW_UNREADABLE" ? "read" : failed.has(row) ? "prepare" : "tensorize";
      this.#dead.set(row, { stage, code, message });
    }
    this.#rowsPending = batch.numRows - this.#gone().length;
    this.liveRuns = this.runs("live");
  }

  get rows(): number {
    return this.batch.numRows;
  }

  /** Rows at the lanes, or not yet there. */
  get rowsPending(): number {
    return this.#rowsPending;
  }

  settleMapped(rows: number): void {
    this.#rowsPending -= rows;
  }

  /** The parts behind one that is dead are never run. */
  settleSkipped(row: number): void {
    for (let part = row; this.hasPartBehind(part); part += 1) this.#rowsPending -= 1;
  }

  settleDead(row: number, reason: DeadReason): void {
    this.#dead.set(row, reason);
    this.#rowsPending -= 1;
  }

  /** Rows of the shard that went in. */
  get sourceRows(): number {
    return this.origin.sourceEnd - this.origin.sourceStart;
  }

  /** Rows of the shard that no row here came from. */
  get filteredRows(): number {
    const { sources } = this.origin;
    return sources === null ? 0 : this.sourceRows - countDistinct(sources);
  }

  /** The row of the shard that a row came from. */
  sourceOf(row: number): number {
    const { sourceStart, sources } = this.origin;
    return sourceStart + (sources === null ? row : (sources[row] ?? 0));
  }

  /** Whether the next row is another part of the row of the shard that this one came from. */
  hasPartBehind(row: number): boolean {
    return (
      this.origin.sources !== null && row + 1 < this.rows && this.sourceOf(row + 1) === this.sourceOf(row)
    );
  }

  /** The dead rows with their reasons, in order; of the parts of one row of the shard, the first. */
  deadRows(): readonly (readonly [number, DeadReason])[] {
    const dead = [...this.#dead].sort(([a], [b]) => a - b);
    return dead.filter(([row], at) => {
      const before = dead[at - 1];
      return before === undefined || this.sourceOf(before[0]) !== this.sourceOf(row);
    });
  }

  /** Stretches of rows that are all live or all dead letters, in order. */
  runs(which: "live" | "dead"): readonly RowRange[] {
    if (which === "dead") return this.deadRows().map(([row]) => ({ start: row, end: row + 1 }));
    const runs: RowRange[] = [];
    let start = 0;
    for (const row of [...this.#gone(), this.rows]) {
      if (row > start) runs.push({ start, end: row });
      start = row + 1;
    }
    return runs;
  }

  /** The dead rows, and the other parts of the rows that they are parts of, in order. */
  #gone(): readonly number[] {
    const dead = [...this.#dead.keys()];
    const { sources } = this.origin;
    if (sources === null || dead.length === 0) return dead.sort((a, b) => a - b);
    const deadSources = new Set(dead.map((row) => sources[row]));
    return [...Array(this.rows).keys()].filter((row) => deadSources.has(sources[row]));
  }
}

/** Each row of the shard as it was read. */
function wholeRows(sourceStart: number, sourceEnd: number): RowOrigin {
  return { sourceStart, sourceEnd, sources: null, failed: [], noted: NO_NOTED_ROWS };
}

/** How many different numbers there are in an ascending list. */
export function countDistinct(ascending: ArrayLike<number>): number {
  let distinct = 0;
  for (let at = 0; at < ascending.length; at += 1) {
    if (at === 0 || ascending[at] !== ascending[at - 1]) distinct += 1;
  }
  return distinct;
}
