import type { RowGroup } from "../domain/dataset.ts";

/**
 * Decoded bytes of one batch, about. Decoding goes batch by batch, so that what the decoder holds beside a
 * row group's compressed chunks is two batches, however large the row group. Larger batches were no faster.
 */
const BATCH_BYTES = 8 << 20;
const BATCH_ROWS = { least: 256, most: 65_536 };

/**
 * A batch beyond this, by the row group's bytes or once it is decoded, is larger than was meant: its rows are
 * made fewer.
 */
const LARGE_BYTES = 64 << 20;

/**
 * What is left of the rows of a batch that the decoder broke on: few tries, and no batch much smaller than it
 * must be.
 */
const FAULT_SHARE = 1 / 4;

/**
 * How many rows of a file are decoded at once. The footer says how many bytes they have as they are encoded,
 * and nothing of what these become: a dictionary of one value may stand for gigabytes. What was learned of a
 * file stays.
 */
export class BatchSize {
  #mostRows = BATCH_ROWS.most;

  rowsOf(group: RowGroup | undefined): number {
    const rowBytes = group === undefined || group.rows === 0 ? 0 : group.bytes / group.rows;
    const rowsIn = (bytes: number) => Math.floor(bytes / Math.max(rowBytes, 1));
    const least = Math.max(1, Math.min(BATCH_ROWS.least, rowsIn(LARGE_BYTES)));
    return Math.min(this.#mostRows, Math.max(least, rowsIn(BATCH_BYTES)));
  }

  /** The decoder broke on a batch of so many rows. False: it cannot be given fewer. */
  shrinkAfterFault(rows: number): boolean {
    if (rows <= 1) return false;
    this.#mostRows = Math.max(1, Math.floor(Math.min(rows, this.#mostRows) * FAULT_SHARE));
    return true;
  }

  /**
   * A batch was decoded. True: it was much larger than was meant, and the next ones should have fewer rows.
   */
  shrinkIfLarge(rows: number, bytes: number): boolean {
    if (bytes <= LARGE_BYTES || rows <= 1) return false;
    const fitting = Math.max(1, Math.floor((rows * BATCH_BYTES) / bytes));
    if (fitting >= this.#mostRows) return false;
    this.#mostRows = fitting;
    return true;
  }
}
