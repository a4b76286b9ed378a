import type { BatchBound, BatchInUse } from "../../shared/domain/batch-in-use.ts";
import type { InputBinding, MapBinding } from "../../shared/domain/map-binding.ts";
import { isUneven } from "../../shared/domain/row-shape.ts";
import { elementBytes } from "../../shared/domain/texts.ts";

/** Size of one run. */
export interface BatchShape {
  readonly rows: number;
  /**
   * Padded positions of a row in all sequences together, for uneven rows. Null: all rows have the model's own
   * shape.
   */
  readonly length: number | null;
}

/** Returns the cost of a batch: rows, or padded positions for uneven rows. */
export function unitsOf({ rows, length }: BatchShape): number {
  return rows * (length ?? 1);
}

/** Returns the rows of `length` positions within these units: at least one. */
export function rowsIn(units: number, length: number | null): number {
  return Math.max(1, Math.floor(units / (length ?? 1)));
}

/**
 * Limit of one batch's inputs and outputs, unless the job file sets its rows. Several batches are in flight.
 */
export const BATCH_BYTES = 64 << 20;

/**
 * Uneven rows that are sorted together. More rows make more even batches, but delay the first batch. Record
 * batches also stay in memory until their last row is mapped. With this many, a batch of 64 spans 1/256 of
 * all lengths. More would gain less than the rounding of `paddedLength`.
 */
export const WINDOW_ROWS = 16_384;

/** Bounds of a batch's rows. */
export interface BatchLimits {
  /** Fixed batch dimension of the model. Null: dynamic. */
  readonly fixedRows: number | null;
  /** True when rows run one by one because of an output's shape. Default: false. */
  readonly isAlone?: boolean;
  /** Value of the job file. */
  readonly rows: number | "auto";
  /** Value of the job file: rows x length, for uneven rows. */
  readonly tokens: number | "auto";
  /** Rows of a length that fit in one batch's memory: see `rowsInMemory`. */
  readonly memoryRows: (length: number | null) => number;
  /** Share of a shard for one batch. Null before the first shard. */
  readonly shardRows: number | null;
  readonly failed: FailedSizes | null;
  /** Size by measurement, in units. Null: the job file or the model sets the size. */
  readonly measured: { readonly units: number; readonly bound: BatchBound } | null;
}

/**
 * Returns the rows that each bound allows, for rows of `length` positions. Bounds without effect are omitted.
 *
 * For even rows, the user's number of rows is limited by failures only: the user has judged the memory. For
 * uneven rows, a number of rows cannot limit memory, so all bounds apply.
 */
export function boundsOf(limits: BatchLimits, length: number | null): readonly BatchInUse[] {
  const { fixedRows, isAlone = false, rows, tokens, memoryRows, shardRows, failed, measured } = limits;
  if (fixedRows !== null) return [{ rows: fixedRows, length, bound: isAlone ? "shape" : "model" }];
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

/** Returns the lowest bound. */
export function leastBound(bounds: readonly BatchInUse[]): BatchInUse {
  const [first, ...others] = bounds;
  if (first === undefined) throw new Error("broken invariant: nothing bounds a batch");
  return others.reduce((least, bound) => (bound.rows < least.rows ? bound : least), first);
}

/**
 * Counts the rows of `length` positions that fit in the memory of one batch, including the model's outputs.
 * Each tensor counts once. Of several sequences all positions count as the largest. The result may be a
 * fraction, and less than one.
 */
export function rowsInMemory({
  inputs,
  outputs,
}: Pick<MapBinding, "inputs" | "outputs">): (length: number | null) => number {
  let rowBytes = 0;
  let pairBytes = 0;
  const bySequence: number[] = [];
  const add = ({ rowValues, dtype }: Pick<InputBinding, "rowValues" | "dtype">, sequence: number | null) => {
    const bytes = rowValues * elementBytes(dtype);
    if (sequence === null) rowBytes += bytes;
    else bySequence[sequence] = (bySequence[sequence] ?? 0) + bytes;
  };
  const ofRows = inputs.filter(({ rowShape }) => rowShape.kind !== "none");
  for (const input of ofRows) {
    const { rowShape, rowValues, dtype } = input;
    if (rowShape.kind === "pairs") pairBytes += rowValues * elementBytes(dtype);
    else add(input, isUneven(rowShape) ? rowShape.sequence : null);
  }
  const byTensor = new Map(outputs.map((output) => [output.tensor, output]));
  for (const output of byTensor.values()) add(output, output.sequence);
  const positionBytes = Math.max(0, ...bySequence);
  return (length) =>
    BATCH_BYTES / (rowBytes + positionBytes * (length ?? 1) + pairBytes * (length ?? 1) ** 2);
}

/** Limit of the units (rows, or positions if uneven) of batches with rows of about `length` positions. */
export interface FailedSize {
  readonly length: number | null;
  readonly units: number;
}

/**
 * Sizes that did not fit in the device's memory. Memory of a row grows at least with its length, and with
 * attention by its square. So a failure at one length limits longer rows, and shorter ones down to half of
 * that length. Still shorter rows are not limited, or one long row would keep their batches small for ever.
 */
export class FailedSizes {
  #all: readonly FailedSize[];

  constructor(known: readonly FailedSize[]) {
    this.#all = known;
  }

  get all(): readonly FailedSize[] {
    return this.#all;
  }

  /** Records a batch that did not fit. Later ones have at most half of its rows. */
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

  /** Returns the row limit. Infinity: nothing failed. */
  mostRows(length: number | null): number {
    const units = this.#mostUnits(length);
    return units === Infinity ? Infinity : rowsIn(units, length);
  }

  #mostUnits(length: number | null): number {
    const binding = this.#all.filter((cap) => length === null || length > (cap.length ?? 0) / 2);
    return Math.min(...binding.map(({ units }) => units));
  }
}
