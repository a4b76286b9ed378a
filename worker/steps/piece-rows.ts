import { featureOf, stepKindOf } from "../../shared/domain/features.ts";
import { madeColumns, type StepBinding, type StepColumns } from "../../shared/domain/step-binding.ts";
import { dtypeBytes } from "../../shared/domain/tensor.ts";

/**
 * Limit of the bytes that steps make of a piece, if its columns show them. A file name in a row may become a
 * megabyte of pixels, and a record batch has thousands of names. With more, the threads of a stage would hold
 * gigabytes. With less, the transfer would cost too much.
 */
const MADE_BYTES = 16 << 20;

/**
 * Limits for features of files, whose size is unknown before they are read. Assumes the largest: two sounds
 * of an hour at 16 kHz, which take a gigabyte with copies. Single files cost seven milliseconds more each,
 * and more than sixteen gain nothing.
 */
const FILES_BYTES = 512 << 20;
const MOST_FILES = 16;

/**
 * Least rows of a piece when all threads should share a record batch. Short texts come in record batches of
 * tens of thousands of rows, maybe the whole shard. As one piece, it would occupy one thread. Smaller pieces
 * cost more than they gain: tokenizing 512 texts takes 7 % more CPU time than 2,048.
 */
const LEAST_ROWS = 512;

/** Rules that cut a record batch for the threads of a stage. */
export interface PieceRows {
  /** Limit of a piece's rows, which keeps its result small. */
  readonly most: number;
  /** True when all threads should share one record batch. */
  readonly isSpread: boolean;
}

/** @param columns columns in front of the steps and behind them */
export function pieceRowsOf(steps: readonly StepBinding[], columns: StepColumns): PieceRows {
  const byBytes = Math.max(1, Math.floor(MADE_BYTES / Math.max(1, madeRowBytes(columns))));
  return {
    most: Math.min(byBytes, mostFiles(steps)),
    // SQL uses DuckDB's own threads for all rows at once.
    isSpread: steps.some(({ op }) => op.kind === "extension"),
  };
}

/** Returns the rows of each piece of a record batch. */
export function pieceRowsIn(rows: number, { most, isSpread }: PieceRows, threads: number): number {
  const share = isSpread ? Math.max(LEAST_ROWS, Math.ceil(rows / threads)) : rows;
  return Math.max(1, Math.min(most, share));
}

/**
 * Returns the most bytes that a piece becomes, if only its longest rows determine that. Null: its columns
 * show the size.
 */
export function mostPieceBytes(steps: readonly StepBinding[], rows: number): number | null {
  const bytes = fileRowBytes(steps);
  return bytes === 0 ? null : rows * bytes;
}

function mostFiles(steps: readonly StepBinding[]): number {
  const bytes = fileRowBytes(steps);
  if (bytes === 0) return Number.POSITIVE_INFINITY;
  return Math.max(1, Math.min(MOST_FILES, Math.floor(FILES_BYTES / bytes)));
}

/** Returns the bytes of the largest row, with the values of all steps. 0: the columns show them. */
function fileRowBytes(steps: readonly StepBinding[]): number {
  return steps.reduce((sum, { op }) => sum + (mostBytesOf(op) ?? 0), 0);
}

function mostBytesOf(op: StepBinding["op"]): number | null {
  switch (op.kind) {
    case "sql":
    case "model":
      return null;
    case "feature":
      return featureOf(op.feature).mostRowBytes(op.data);
    case "extension":
      return stepKindOf(op.step).mostRowBytes?.(op.data) ?? null;
  }
}

/** Returns the bytes of a row in made columns with cells of fixed size. */
function madeRowBytes(columns: StepColumns): number {
  return madeColumns(columns).reduce((sum, { type }) => {
    if (type.kind !== "fixedList" || type.item.kind !== "numeric") return sum;
    return sum + type.length * dtypeBytes(type.item.type);
  }, 0);
}
