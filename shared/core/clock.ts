/** Time as a parameter: the real one in production, a manual one in tests and in the simulator. */
export interface Clock {
  /** Monotonic milliseconds: for leases, deadlines and durations. Its zero means nothing. */
  nowMs(): number;
  /** Milliseconds since 1970: for people and file names, never for a decision alone: it is set at will. */
  wallMs(): number;
}

/** Waiting as a parameter, too. */
export interface Timers {
  /** Calls once, `ms` from now; what it returns calls it off. */
  after(ms: number, call: () => void): () => void;
}

/** For what both looks at the clock and waits. */
export type TimedClock = Clock & Timers;

export const systemClock: TimedClock = {
  nowMs: () => performance.now(),
  wallMs: () => Date.now(),
  after(ms, call) {
    const timer = setTimeout(call, ms);
    return () => clearTimeout(timer);
  },
};
