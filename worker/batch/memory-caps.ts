import { type BatchShape, rowsIn, unitsOf } from "./batch-shape.ts";

/**
 * No batch of rows of about `length` steps may have more than so many units (rows, or steps where they are
 * uneven).
 */
export interface MemoryCap {
  readonly length: number | null;
  readonly units: number;
}

/**
 * What did not fit in the device's memory. The memory of a row grows at least with its length, and with its
 * square where there is attention: so what failed at one length bounds all longer rows to as many steps or
 * fewer, and shorter ones down to half of it. Below that it says nothing; batches of short rows would be
 * small for ever because of one long row.
 */
export class MemoryCaps {
  #caps: readonly MemoryCap[];

  constructor(known: readonly MemoryCap[]) {
    this.#caps = known;
  }

  get all(): readonly MemoryCap[] {
    return this.#caps;
  }

  /** A batch did not fit: from now on at most half of its rows. @returns whether that was news */
  add({ rows, length }: BatchShape): boolean {
    const cap: MemoryCap = { length, units: unitsOf({ rows: Math.max(1, Math.floor(rows / 2)), length }) };
    if (cap.units >= this.#mostUnits(length)) return false;
    const weaker = (other: MemoryCap): boolean =>
      other.units >= cap.units && (other.length ?? 0) >= (length ?? 0);
    this.#caps = [...this.#caps.filter((other) => !weaker(other)), cap];
    return true;
  }

  /** Infinity where nothing failed. */
  mostRows(length: number | null): number {
    const units = this.#mostUnits(length);
    return units === Infinity ? Infinity : rowsIn(units, length);
  }

  #mostUnits(length: number | null): number {
    const binding = this.#caps.filter((cap) => length === null || length > (cap.length ?? 0) / 2);
    return Math.min(...binding.map(({ units }) => units));
  }
}
