import { featureOf } from "../../shared/domain/features.ts";
import { madeColumns, type StepBinding, type StepColumns } from "../../shared/domain/step-binding.ts";
import { dtypeBytes } from "../../shared/domain/tensor.ts";

/**
 * What steps should make of a piece at most, where its columns tell. A row that is the name of a file may
 * become a megabyte of pixels, and there are thousands of names in a record batch. With more, the threads of
 * a stage would hold gigabytes; with less, handing it over would be felt.
 */
const MADE_BYTES = 16 << 20;

/**
 * Neither the bytes of a feature's file nor its name tell what it becomes, so as many go together as the
 * largest ones may: two sounds of an hour at 16 kHz, which is a gigabyte with what is on its way. One by one
 * they cost seven milliseconds more each; above sixteen nothing is won.
 */
const FILES_BYTES = 512 << 20;
const MOST_FILES = 16;

/**
 * Rows that are worth a thread's while. A record batch of short texts has tens of thousands of rows, and a
 * shard no more: in one piece, one thread would work on it while all others wait. Smaller pieces cost more
 * than they spread: tokenizing 512 texts at once takes seven hundredths more CPU time than 2,048.
 */
const LEAST_ROWS = 512;

/** How a record batch is cut for the threads of a stage. */
export interface PieceRows {
  /** Rows of a piece at most, so that what is made of it stays small. */
  readonly most: number;
  /** Whether all threads should have a piece of one record batch. */
  readonly isSpread: boolean;
}

/** @param columns in front of the steps and behind them */
export function pieceRowsOf(steps: readonly StepBinding[], columns: StepColumns): PieceRows {
  const byBytes = Math.max(1, Math.floor(MADE_BYTES / Math.max(1, madeRowBytes(columns))));
  return {
    most: Math.min(byBytes, mostFiles(steps)),
    // What SQL computes it computes in threads of DuckDB's own, for all rows at once.
    isSpread: steps.some(({ op }) => op.kind === "extension"),
  };
}

/** Rows of each piece that a record batch of so many rows is cut into. */
export function pieceRowsIn(rows: number, { most, isSpread }: PieceRows, threads: number): number {
  const share = isSpread ? Math.max(LEAST_ROWS, Math.ceil(rows / threads)) : rows;
  return Math.max(1, Math.min(most, share));
}

/**
 * What a piece of so many rows becomes at most, where only its longest rows tell; null: it is as it looks.
 */
export function mostPieceBytes(steps: readonly StepBinding[], rows: number): number | null {
  const files = fileBytes(steps);
  return files.length === 0 ? null : rows * Math.max(...files);
}

function mostFiles(steps: readonly StepBinding[]): number {
  const files = fileBytes(steps);
  if (files.length === 0) return Number.POSITIVE_INFINITY;
  return Math.max(1, Math.min(MOST_FILES, Math.floor(FILES_BYTES / Math.max(...files))));
}

function fileBytes(steps: readonly StepBinding[]): readonly number[] {
  return steps.flatMap(({ op }) =>
    op.kind === "feature" ? (featureOf(op.feature).mostRowBytes(op.data) ?? []) : [],
  );
}

/** Bytes of a row in the columns that are made and whose cells are all of one size. */
function madeRowBytes(columns: StepColumns): number {
  return madeColumns(columns).reduce((sum, { type }) => {
    if (type.kind !== "fixedList" || type.item.kind !== "numeric") return sum;
    return sum + type.length * dtypeBytes(type.item.type);
  }, 0);
}
