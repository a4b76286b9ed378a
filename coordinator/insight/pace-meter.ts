import type { JobProgress, RunPace } from "../../shared/domain/run-facts.ts";

/** Measures the pace of a run, over all coordinators that worked on it. The caller passes the time. */
export class PaceMeter {
  readonly #startMs: number;
  readonly #rowsAtStart: number;
  readonly #earlierMs: number;
  readonly #throughput = new Throughput();

  /** @param earlierMs time that earlier coordinators spent on the job */
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
   * Returns the pace until now. The rate is that of the last minute (`now`), if that is long enough, or of
   * the whole run. The time left is known once this coordinator has committed a shard. Earlier reports of
   * workers only cover a few slow first rows.
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

/** Span of the current rate. Rows arrive a shard at a time, so the mean over a shorter span jumps. */
const WINDOW_MS = 60_000;
const MIN_SPAN_MS = 500;

/** Rows a second over the last minute. The caller passes the time. */
class Throughput {
  readonly #samples: { readonly atMs: number; readonly rows: number }[] = [];
  #moves = false;

  record(atMs: number, rows: number): void {
    // Until the first rows arrive, the workers are starting. That time does not count.
    this.#moves ||= this.#samples.some((sample) => sample.rows !== rows);
    if (!this.#moves) this.#samples.length = 0;
    this.#samples.push({ atMs, rows });
    while (this.#samples.length > 2 && atMs - (this.#samples[1]?.atMs ?? atMs) > WINDOW_MS)
      this.#samples.shift();
  }

  /** Returns the rate until now, with `rows` done. Null: the first sample is too recent. */
  rowsPerSecond(nowMs: number, rows: number): number | null {
    const [first] = this.#samples;
    if (first === undefined || nowMs - first.atMs < MIN_SPAN_MS) return null;
    return Math.max(0, (rows - first.rows) / ((nowMs - first.atMs) / 1000));
  }
}
