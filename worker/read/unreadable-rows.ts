import type { RowFailure } from "../../shared/steps/step.ts";

/** The rows of a shard that could not be read: noted as they are met, taken with the batch they are in. */
export class UnreadableRows {
  /** In order. */
  readonly #rows: { readonly row: number; readonly message: string }[] = [];

  /** @param row of the shard, behind all that were noted */
  note(row: number, message: string): void {
    this.#rows.push({ row, message });
  }

  /** Those of `[start, end)`, counted from `start`. */
  take(start: number, end: number): readonly RowFailure[] {
    const behind = this.#rows.findIndex(({ row }) => row >= end);
    const taken = this.#rows.splice(0, behind < 0 ? this.#rows.length : behind);
    return taken
      .filter(({ row }) => row >= start)
      .map(({ row, message }) => ({ row: row - start, code: "ROW_UNREADABLE", message }));
  }
}
