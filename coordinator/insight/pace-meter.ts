import type { JobProgress, RunPace } from "../../shared/domain/run-facts.ts";

/** Measures the pace of a run, over all coordinators that worked on it. Time comes in. */
export class PaceMeter {
  readonly #startMs: number;
  readonly #rowsAtStart: number;
  readonly #earlierMs: number;
  readonly #throughput = new Throughput();

  /** @param earlierMs what earlier coordinators spent on the job */
  constructor(nowMs: number, { rowsCommitted }: Pick<JobProgress, "rowsCommitted">, earlierMs: number) {
    this.#startMs = nowMs;
    this.#rowsAtStart = rowsCommitted;
    this.#earlierMs = earlierMs;
    this.#throughput.record(nowMs, rowsCommitted);
  }

  record(nowMs: number, { rowsDone }: Pick<JobProgress, "rowsDone">): void {
    this.#throughput.record(nowMs, rowsDone);
  }

  /**
   * Returns the pace up to now. The rate is that of the last minute (`now`), where that is long enough, or
   * of the whole run. The time that is left is known once this coordinator has committed a shard: what
   * workers report before are a few slow first rows.
   */
  pace(over: "run" | "now", nowMs: number, progress: JobProgress): RunPace {
    const { phase, rowsDone, rowsTotal, rowsCommitted } = progress;
    const seconds = Math.max(0, (this.#earlierMs + nowMs - this.#startMs) / 1000);
    const average = seconds > 0 ? rowsDone / seconds : 0;
    const current = over === "now" ? this.#throughput.rowsPerSecond(nowMs, rowsDone) : null;
    const rowsPerSecond = current ?? average;
    const isKnown = phase === "running" && rowsPerSecond > 0 && rowsCommitted > this.#rowsAtStart;
    return { seconds, rowsPerSecond, secondsLeft: isKnown ? (rowsTotal - rowsDone) / rowsPerSecond : null };
  }
}

/** Span of the current rate: rows come in lumps, a shard at a time, and a mean over less time jumps. */
const WINDOW_MS = 60_000;
const MIN_SPAN_MS = 500;

/** Rows a second over the last minute. Pure: time comes in with each call. */
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
