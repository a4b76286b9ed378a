import type { JobProgress, RunPace } from "../../shared/domain/run-facts.ts";

/** Measures the pace of a run from where the job was when this coordinator opened it. Time comes in. */
export class PaceMeter {
  readonly #startMs: number;
  readonly #rowsAtStart: number;
  readonly #throughput = new Throughput();

  constructor(nowMs: number, { rowsCommitted }: Pick<JobProgress, "rowsCommitted">) {
    this.#startMs = nowMs;
    this.#rowsAtStart = rowsCommitted;
    this.#throughput.record(nowMs, rowsCommitted);
  }

  record(nowMs: number, { rowsDone }: Pick<JobProgress, "rowsDone">): void {
    this.#throughput.record(nowMs, rowsDone);
  }

  /**
   * Up to now. The rate is that of the last seconds (`now`), where they are long enough, or of the whole run.
   */
  pace(over: "run" | "now", nowMs: number, { phase, rowsDone, rowsTotal }: JobProgress): RunPace {
    const seconds = Math.max(0, (nowMs - this.#startMs) / 1000);
    const average = seconds > 0 ? (rowsDone - this.#rowsAtStart) / seconds : 0;
    const current = over === "now" ? this.#throughput.rowsPerSecond(nowMs, rowsDone) : null;
    const rowsPerSecond = current ?? average;
    const isKnown = phase === "running" && rowsPerSecond > 0;
    return { seconds, rowsPerSecond, secondsLeft: isKnown ? (rowsTotal - rowsDone) / rowsPerSecond : null };
  }
}

/**
 * Over how long the current rate is taken: long enough to smooth single shards, short enough to follow
 * changes.
 */
const WINDOW_MS = 15_000;
const MIN_SPAN_MS = 500;

/** Rows a second over the last seconds. Pure: time comes in with each call. */
class Throughput {
  readonly #samples: { readonly atMs: number; readonly rows: number }[] = [];
  #moves = false;

  record(atMs: number, rows: number): void {
    // Until the first rows come the workers are starting: that is not their speed.
    this.#moves ||= this.#samples.some((sample) => sample.rows !== rows);
    if (!this.#moves) this.#samples.length = 0;
    this.#samples.push({ atMs, rows });
    while (this.#samples.length > 2 && atMs - (this.#samples[1]?.atMs ?? atMs) > WINDOW_MS)
      this.#samples.shift();
  }

  /** The rate up to now, where `rows` are done. Null when the first sample is too near to tell. */
  rowsPerSecond(nowMs: number, rows: number): number | null {
    const [first] = this.#samples;
    if (first === undefined || nowMs - first.atMs < MIN_SPAN_MS) return null;
    return Math.max(0, (rows - first.rows) / ((nowMs - first.atMs) / 1000));
  }
}
