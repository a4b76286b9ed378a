import type { RowFailure } from "../../shared/steps/step.ts";

/** Rows of a shard that could not be read. Rows are noted when detected, and taken with their batch. */
export class UnreadableRows {
  /** Rows in order. */
  readonly #rows: { readonly row: number; readonly message: string }[] = [];

  /** @param row row of the shard, behind all noted rows */
  note(row: number, message: string): void {
    this.#rows.push({ row, message });
  }

  /** Takes the rows in `[start, end)`, counted from `start`. */
  take(start: number, end: number): readonly RowFailure[] {
    const behind = this.#rows.findIndex(({ row }) => row >= end);
    const taken = this.#rows.splice(0, behind < 0 ? this.#rows.length : behind);
    return taken
      .filter(({ row }) => row >= start)
      .map(({ row, message }) => ({ row: row - start, code: "ROW_UNREADABLE", message }));
  }
}
