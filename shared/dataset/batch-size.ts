import type { RowGroup } from "../domain/dataset.ts";

/**
 * Approximate decoded bytes of one batch. Besides a row group's compressed chunks, the decoder holds two
 * batches, however large the row group. Larger batches were no faster.
 */
const BATCH_BYTES = 8 << 20;
const BATCH_ROWS = { least: 256, most: 65_536 };

/** Limit of a batch's bytes, encoded or decoded. A larger batch makes the next ones shorter. */
const LARGE_BYTES = 64 << 20;

/**
 * Share of rows that remains after the decoder fails on a batch. 1/4 needs few tries, and batches stay near
 * the largest possible.
 */
const FAULT_SHARE = 1 / 4;

/**
 * Number of a file's rows that are decoded at once. The footer gives encoded bytes, not decoded ones: a
 * dictionary of one value can decode to gigabytes. Limits found while reading a file are kept for that file.
 */
export class BatchSize {
  #mostRows = BATCH_ROWS.most;

  rowsOf(group: RowGroup | undefined): number {
    const rowBytes = group === undefined || group.rows === 0 ? 0 : group.bytes / group.rows;
    const rowsIn = (bytes: number) => Math.floor(bytes / Math.max(rowBytes, 1));
    const least = Math.max(1, Math.min(BATCH_ROWS.least, rowsIn(LARGE_BYTES)));
    return Math.min(this.#mostRows, Math.max(least, rowsIn(BATCH_BYTES)));
  }

  /** Shrinks batches after the decoder failed on `rows` rows. Returns false when they cannot shrink. */
  shrinkAfterFault(rows: number): boolean {
    if (rows <= 1) return false;
    this.#mostRows = Math.max(1, Math.floor(Math.min(rows, this.#mostRows) * FAULT_SHARE));
    return true;
  }

  /** Shrinks the next batches when a decoded one was far larger than intended. Returns true when it did. */
  shrinkIfLarge(rows: number, bytes: number): boolean {
    if (bytes <= LARGE_BYTES || rows <= 1) return false;
    const fitting = Math.max(1, Math.floor((rows * BATCH_BYTES) / bytes));
    if (fitting >= this.#mostRows) return false;
    this.#mostRows = fitting;
    return true;
  }
}
