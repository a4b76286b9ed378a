import type { JobProgress, RunPace } from "../../shared/domain/run-facts.ts";
import { Throughput } from "./throughput.ts";

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
    const isTold = phase === "running" && rowsPerSecond > 0;
    return { seconds, rowsPerSecond, secondsLeft: isTold ? (rowsTotal - rowsDone) / rowsPerSecond : null };
  }
}
