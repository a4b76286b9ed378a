import type { BatchBound, BatchInUse } from "../../shared/domain/batch-in-use.ts";
import type { InputBinding, MapBinding } from "../../shared/domain/map-binding.ts";
import { isUneven } from "../../shared/domain/row-shape.ts";
import { elementBytes } from "../../shared/domain/texts.ts";

/** What went into one run. */
export interface BatchShape {
  readonly rows: number;
  /**
   * Positions that each row is padded to, in all of its sequences together, where rows are uneven; null where
   * all have the model's own shape.
   */
  readonly length: number | null;
}

/** What a batch costs by: its rows, or, where they are uneven, its positions, padding included. */
export function unitsOf({ rows, length }: BatchShape): number {
  return rows * (length ?? 1);
}

/** The rows of `length` positions that are in so many units: at least one. */
export function rowsIn(units: number, length: number | null): number {
  return Math.max(1, Math.floor(units / (length ?? 1)));
}

/**
 * Inputs and outputs of one batch, at most, where the job file does not say how many rows it has: several
 * batches are in flight.
 */
export const BATCH_BYTES = 64 << 20;

/**
 * Rows of uneven length that are sorted together. More make batches of more equal rows, but the first batch
 * waits for all of them, and their record batches stay in memory until the last of their rows is back. With
 * this many, a batch of 64 takes in 1/256 of all lengths: what is left to gain is below the rounding of
 * `paddedLength`.
 */
export const WINDOW_ROWS = 16_384;

/** All that bounds the rows of a batch. */
export interface BatchLimits {
  /** The model's batch dimension where it is a fixed number. */
  readonly fixedRows: number | null;
  /** From the job file. */
  readonly rows: number | "auto";
  /** From the job file: rows x length, where rows are uneven. */
  readonly tokens: number | "auto";
  /** How many rows of a length fit in the memory set aside: see `rowsInMemory`. */
  readonly memoryRows: (length: number | null) => number;
  /** A batch's share of a shard; null before there is one. */
  readonly shardRows: number | null;
  readonly failed: FailedSizes | null;
  /** What measuring says, in units; null where the job file says it. */
  readonly measured: { readonly units: number; readonly bound: BatchBound } | null;
}

/**
 * The rows that each bound allows a batch of rows of `length` positions. A bound that says nothing is left
 * out.
 *
 * A number of rows that the job file gives is the user's own judgement of memory: of rows of one length it is
 * bounded by failures alone. The memory of uneven rows is nothing that a number of rows could judge.
 */
export function boundsOf(limits: BatchLimits, length: number | null): readonly BatchInUse[] {
  const { fixedRows, rows, tokens, memoryRows, shardRows, failed, measured } = limits;
  if (fixedRows !== null) return [{ rows: fixedRows, length, bound: "model" }];
  const isGiven = length === null && rows !== "auto";
  const bounds: readonly (readonly [BatchBound, number | null])[] = [
    ["rows", rows === "auto" ? null : rows],
    ["tokens", tokens === "auto" || length === null ? null : rowsIn(tokens, length)],
    ["memory", isGiven ? null : memoryRows(length)],
    ["failed", failed?.mostRows(length) ?? null],
    ["window", length === null ? null : WINDOW_ROWS],
    ["shard", isGiven ? null : shardRows],
    ...(measured === null ? [] : [[measured.bound, rowsIn(measured.units, length)] as const]),
  ];
  return bounds.flatMap(([bound, most]) =>
    most === null || most === Infinity ? [] : [{ rows: Math.max(1, Math.floor(most)), length, bound }],
  );
}

/** The least of all bounds, and which one it is. */
export function leastBound(bounds: readonly BatchInUse[]): BatchInUse {
  const [first, ...others] = bounds;
  if (first === undefined) throw new Error("broken invariant: nothing bounds a batch");
  return others.reduce((least, bound) => (bound.rows < least.rows ? bound : least), first);
}

/**
 * Counts the rows of `length` positions that fit in the memory of one batch, with what the model makes of
 * them. Each tensor counts once. Of several sequences all positions count as the largest. The result may be
 * a fraction, and less than one.
 */
export function rowsInMemory({
  inputs,
  outputs,
}: Pick<MapBinding, "inputs" | "outputs">): (length: number | null) => number {
  let rowBytes = 0;
  const bySequence: number[] = [];
  const add = ({ rowValues, dtype }: Pick<InputBinding, "rowValues" | "dtype">, sequence: number | null) => {
    const bytes = rowValues * elementBytes(dtype);
    if (sequence === null) rowBytes += bytes;
    else bySequence[sequence] = (bySequence[sequence] ?? 0) + bytes;
  };
  const ofRows = inputs.filter(({ rowShape }) => rowShape.kind !== "none");
  for (const input of ofRows) add(input, isUneven(input.rowShape) ? input.rowShape.sequence : null);
  const byTensor = new Map(outputs.map((output) => [output.tensor, output]));
  for (const output of byTensor.values()) add(output, output.sequence);
  const positionBytes = Math.max(0, ...bySequence);
  return (length) => BATCH_BYTES / (rowBytes + positionBytes * (length ?? 1));
}

/**
 * No batch of rows of about `length` positions may have more than so many units (rows, or positions where
 * they are uneven).
 */
export interface FailedSize {
  readonly length: number | null;
  readonly units: number;
}

/**
 * What did not fit in the device's memory. The memory of a row grows at least with its length, and with its
 * square where there is attention: so what failed at one length bounds all longer rows to as many positions
 * or fewer, and shorter ones down to half of it. Below that it says nothing; batches of short rows would be
 * small for ever because of one long row.
 */
export class FailedSizes {
  #all: readonly FailedSize[];

  constructor(known: readonly FailedSize[]) {
    this.#all = known;
  }

  get all(): readonly FailedSize[] {
    return this.#all;
  }

  /** A batch did not fit: from now on at most half of its rows. */
  add({ rows, length }: BatchShape): void {
    const added: FailedSize = {
      length,
      units: unitsOf({ rows: Math.max(1, Math.floor(rows / 2)), length }),
    };
    if (added.units >= this.#mostUnits(length)) return;
    const isWeaker = (other: FailedSize): boolean =>
      other.units >= added.units && (other.length ?? 0) >= (length ?? 0);
    this.#all = [...this.#all.filter((other) => !isWeaker(other)), added];
  }

  /** Infinity where nothing failed. */
  mostRows(length: number | null): number {
    const units = this.#mostUnits(length);
    return units === Infinity ? Infinity : rowsIn(units, length);
  }

  #mostUnits(length: number | null): number {
    const binding = this.#all.filter((cap) => length === null || length > (cap.length ?? 0) / 2);
    return Math.min(...binding.map(({ units }) => units));
  }
}
