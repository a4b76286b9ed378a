/** Time as a parameter: real in production, manual in tests and in the simulator. */
export interface Clock {
  /** Returns monotonic milliseconds, for leases, deadlines and durations. Zero has no meaning. */
  nowMs(): number;
  /**
   * Returns milliseconds since 1970, for people and file names. Decisions must not rely on it alone: users
   * can set it.
   */
  wallMs(): number;
}

/** Timers as a parameter. */
export interface Timers {
  /** Calls once, `ms` from now. The returned function cancels the call. */
  after(ms: number, call: () => void): () => void;
}

/** Clock with timers. */
export type TimedClock = Clock & Timers;

export const systemClock: TimedClock = {
  nowMs: () => performance.now(),
  wallMs: () => Date.now(),
  after(ms, call) {
    const timer = setTimeout(call, ms);
    return () => clearTimeout(timer);
  },
};
