import { formatBytes } from "../../shared/core/units.ts";
import type { MeasuredOutcome } from "./trial-runner.ts";

/** Outcomes of the files of one kind. */
export class Tally {
  tried = 0;
  worstMs = 0;
  worstWhat = "";
  peakBytes = 0;
  /** Additional remark. */
  note = "";
  readonly #ends = new Map<string, number>();

  add({ how, what, ms, peakBytes }: MeasuredOutcome): void {
    this.tried += 1;
    this.#ends.set(how, (this.#ends.get(how) ?? 0) + 1);
    if (ms > this.worstMs) {
      this.worstMs = ms;
      this.worstWhat = what;
    }
    this.peakBytes = Math.max(this.peakBytes, peakBytes);
  }

  count(how: string): number {
    return this.#ends.get(how) ?? 0;
  }

  /** Returns the outcomes with their counts: `INPUT_CORRUPT 212, accepted 31`. */
  ends(): string {
    return [...this.#ends]
      .sort(([, a], [, b]) => b - a)
      .map(([how, count]) => `${how} ${count}`)
      .join(", ");
  }

  line(kind: string): string {
    const time = `${(this.worstMs / 1000).toFixed(1)} s`;
    return `${kind.padEnd(9)} ${String(this.tried).padStart(6)}  ${time.padStart(7)}  ${formatBytes(this.peakBytes).padStart(9)}  ${this.ends()}${this.note === "" ? "" : `\n  ${this.note}`}`;
  }
}

export const TALLY_HEAD = `${"kind".padEnd(9)} ${"tried".padStart(6)}  ${"longest".padStart(7)}  ${"most mem.".padStart(9)}  how they ended`;
