import type { RecordBatch } from "apache-arrow";
import type { InputBinding } from "../../shared/domain/map-plan.ts";
import type { DeadLetter } from "../../shared/domain/partial.ts";
import { findSteps, type RowSteps } from "./row-steps.ts";
import { badRows, type InputColumns, openInputs } from "./tensorize.ts";

export interface RowRange {
  readonly start: number;
  readonly end: number;
}

/** Why a row is dead, without its place. */
export type DeadReason = Pick<DeadLetter, "stage" | "code" | "message">;

/**
 * One record batch of the input on its way through: opened once, cut into batches for the model, kept until
 * the last of its rows is mapped or dead, then let go.
 */
export class InputChunk {
  readonly batch: RecordBatch;
  /** Where its first row lies among those of the shard. */
  readonly shardRow: number;
  readonly inputs: readonly InputColumns[];
  /** The rows that can be fed, in order. */
  readonly liveRuns: readonly RowRange[];
  /** Null where all rows have the model's own shape. */
  readonly steps: RowSteps | null;
  readonly #dead = new Map<number, DeadReason>();
  #rowsPending: number;

  constructor(batch: RecordBatch, shardRow: number, bindings: readonly InputBinding[]) {
    this.batch = batch;
    this.shardRow = shardRow;
    this.inputs = openInputs(batch, bindings);
    const bad = badRows(this.inputs);
    this.steps = findSteps(this.inputs, batch.numRows, bad);
    for (const [row, { code, message }] of bad) {
      this.#dead.set(row, { stage: "tensorize", code, message });
    }
    this.#rowsPending = batch.numRows - this.#dead.size;
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

  settleDead(row: number, reason: DeadReason): void {
    this.#dead.set(row, reason);
    this.#rowsPending -= 1;
  }

  /** The dead rows with their reasons, in order. */
  deadRows(): readonly (readonly [number, DeadReason])[] {
    return [...this.#dead].sort(([a], [b]) => a - b);
  }

  /** Stretches of rows that are all live or all dead, in order. */
  runs(which: "live" | "dead"): readonly RowRange[] {
    const dead = [...this.#dead.keys()].sort((a, b) => a - b);
    if (which === "dead") return dead.map((row) => ({ start: row, end: row + 1 }));
    const runs: RowRange[] = [];
    let start = 0;
    for (const row of [...dead, this.rows]) {
      if (row > start) runs.push({ start, end: row });
      start = row + 1;
    }
    return runs;
  }
}
