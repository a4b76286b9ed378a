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

/** Source of a record batch's rows in the shard. */
export interface RowOrigin {
  /** Range of the shard's rows that went in. */
  readonly sourceStart: number;
  readonly sourceEnd: number;
  /**
   * Source row for each row of the batch, counted from `sourceStart`, ascending. Null: one row of each, in
   * order.
   */
  readonly sources: Uint32Array | null;
  /** Rows of the batch that were unreadable, or that a step failed on, in order. */
  readonly failed: readonly RowFailure[];
  /** Rows that steps noted, counted from `sourceStart`. */
  readonly noted: NotedRows;
}

/** Reason of a dead letter, without its place. */
export type DeadLetterReason = Pick<DeadLetter, "stage" | "code" | "message">;

/**
 * One record batch in the pipeline. The batch is opened once, cut for the model, and freed when its last row
 * is mapped or dead-lettered.
 *
 * Rows are those of the shard, or what the job's steps made of them. A row of the shard with several parts is
 * mapped as a whole or not at all. If one part fails, the others are dropped.
 */
export class InputChunk {
  readonly batch: RecordBatch;
  /** Index of the first row among all rows that the map gets of the shard. */
  readonly place: number;
  /** Source rows in the shard. */
  readonly origin: RowOrigin;
  readonly inputs: readonly InputColumns[];
  /** Rows that can be fed, in order. */
  readonly liveRuns: readonly RowRange[];
  /** Positions of rows. Null: all rows have the model's own shape. */
  readonly positions: RowPositions | null;
  readonly #deadLetters = new Map<number, DeadLetterReason>();
  #rowsPending: number;

  /** @param origin default: the rows of the shard from `place` on, one for one */
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
    // A step's error is closer to the cause than a problem of the resulting cells.
    for (const { row, code, message } of origin.failed) bad.set(row, { code, message });
    this.positions = findPositions(this.inputs, batch.numRows, bad);
    const failed = new Map(origin.failed.map(({ row, stage = "prepare" }) => [row, stage]));
    for (const [row, { code, message }] of bad) {
      const stage = code === "ROW_UNREADABLE" ? "read" : (failed.get(row) ?? "tensorize");
      this.#deadLetters.set(row, { stage, code, message });
    }
    this.#rowsPending = batch.numRows - this.#excludedRows().length;
    this.liveRuns = this.runs("live");
  }

  get rows(): number {
    return this.batch.numRows;
  }

  /** Number of rows that are at the lanes, or not yet there. */
  get rowsPending(): number {
    return this.#rowsPending;
  }

  doneMapped(rows: number): void {
    this.#rowsPending -= rows;
  }

  /** Drops the parts behind a failed one, which never run. */
  doneSkipped(row: number): void {
    for (let part = row; this.hasPartBehind(part); part += 1) this.#rowsPending -= 1;
  }

  deadLetter(row: number, reason: DeadLetterReason): void {
    this.#deadLetters.set(row, reason);
    this.#rowsPending -= 1;
  }

  /** Number of the shard's rows that went in. */
  get sourceRows(): number {
    return this.origin.sourceEnd - this.origin.sourceStart;
  }

  /** Number of the shard's rows that became no row here. */
  get filteredRows(): number {
    const { sources } = this.origin;
    return sources === null ? 0 : this.sourceRows - countDistinct(sources);
  }

  /** Returns the source row in the shard. */
  sourceOf(row: number): number {
    const { sourceStart, sources } = this.origin;
    return sourceStart + (sources === null ? row : (sources[row] ?? 0));
  }

  /** Checks whether the next row is another part of the same source row. */
  hasPartBehind(row: number): boolean {
    return (
      this.origin.sources !== null && row + 1 < this.rows && this.sourceOf(row + 1) === this.sourceOf(row)
    );
  }

  /** Returns the dead letters with their reasons, in order. Of several parts of a row, the first counts. */
  deadLetters(): readonly (readonly [number, DeadLetterReason])[] {
    const deadLetters = [...this.#deadLetters].sort(([a], [b]) => a - b);
    return deadLetters.filter(([row], at) => {
      const before = deadLetters[at - 1];
      return before === undefined || this.sourceOf(before[0]) !== this.sourceOf(row);
    });
  }

  /** Returns ranges of rows that are all live or all dead letters, in order. */
  runs(which: "live" | "deadLetters"): readonly RowRange[] {
    if (which === "deadLetters") return this.deadLetters().map(([row]) => ({ start: row, end: row + 1 }));
    const runs: RowRange[] = [];
    let start = 0;
    for (const row of [...this.#excludedRows(), this.rows]) {
      if (row > start) runs.push({ start, end: row });
      start = row + 1;
    }
    return runs;
  }

  /** Returns the dead letters and the other parts of their source rows, in order. */
  #excludedRows(): readonly number[] {
    const deadLetters = [...this.#deadLetters.keys()];
    const { sources } = this.origin;
    if (sources === null || deadLetters.length === 0) return deadLetters.sort((a, b) => a - b);
    const failedSources = new Set(deadLetters.map((row) => sources[row]));
    return [...Array(this.rows).keys()].filter((row) => failedSources.has(sources[row]));
  }
}

/** Returns the origin of rows that were only read. */
function wholeRows(sourceStart: number, sourceEnd: number): RowOrigin {
  return { sourceStart, sourceEnd, sources: null, failed: [], noted: NO_NOTED_ROWS };
}

/** Counts the different numbers of an ascending list. */
export function countDistinct(ascending: ArrayLike<number>): number {
  let distinct = 0;
  for (let at = 0; at < ascending.length; at += 1) {
    if (at === 0 || ascending[at] !== ascending[at - 1]) distinct += 1;
  }
  return distinct;
}
