/** Time within which a decision is on disk, and reported. */
const OF_LATE_MS = 5_000;

/** Time that a job was without a worker, as seen by an observer of all calls. */
export class Silence {
  /** Time at which a worker was last served. */
  lastServedMs = 0;
  /** Time at which a worker last requested a shard, or reported one. */
  lastHeardMs = 0;
  /** The longest recent silence and its end, and the longest silence overall. */
  #of = { ms: 0, endedMs: 0, longestMs: 0 };

  /** Notes that a request of a worker, made at a time, is served. */
  served(nowMs: number): void {
    const ms = nowMs - this.lastServedMs;
    if (ms > this.#of.ms || nowMs - this.#of.endedMs > OF_LATE_MS)
      this.#of = { ms, endedMs: nowMs, longestMs: Math.max(ms, this.#of.longestMs) };
    this.lastServedMs = Math.max(this.lastServedMs, nowMs);
  }

  /**
   * Returns the longest silence that a coordinator may report now. Calls came too late when they arrived
   * after the decision and before it was on disk. So did calls that arrived while the coordinator was paused
   * between its decision and its answer.
   *
   * @param wentOnMs when the coordinator resumed after its pause, or -1 if it never paused
   */
  toldMs(nowMs: number, wentOnMs: number): number {
    const longestMs = nowMs - wentOnMs < OF_LATE_MS ? this.#of.longestMs : 0;
    return Math.max(nowMs - this.lastServedMs, this.#of.ms, longestMs);
  }
}
