/** What was decided is on disk, and known to all, within this. */
const OF_LATE_MS = 5_000;

/** How long a job was without a worker, as somebody sees it who sees all calls. */
export class Silence {
  /** When a worker was last served. */
  lastServedMs = 0;
  /** When a worker last asked for a shard, or told of one. */
  lastHeardMs = 0;
  /** The longest silence of late, when it ended, and the longest of all. */
  #of = { ms: 0, endedMs: 0, longestMs: 0 };

  /** A worker that asked at a time is served. */
  served(nowMs: number): void {
    const ms = nowMs - this.lastServedMs;
    if (ms > this.#of.ms || nowMs - this.#of.endedMs > OF_LATE_MS)
      this.#of = { ms, endedMs: nowMs, longestMs: Math.max(ms, this.#of.longestMs) };
    this.lastServedMs = Math.max(this.lastServedMs, nowMs);
  }

  /**
   * Measures the longest silence that a coordinator may tell of now. One that came after it was decided, and
   * before it was on disk, came too late. So do those that came while the coordinator was stopped between its
   * decision and its answer.
   *
   * @param wentOnMs when the coordinator went on after it was stopped; -1: it never was
   */
  toldMs(nowMs: number, wentOnMs: number): number {
    const longestMs = nowMs - wentOnMs < OF_LATE_MS ? this.#of.longestMs : 0;
    return Math.max(nowMs - this.lastServedMs, this.#of.ms, longestMs);
  }
}
