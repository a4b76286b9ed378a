interface BackoffLimits {
  readonly firstMs: number;
  readonly maxMs: number;
}

/**
 * Returns the wait before try number `attempt` (0: the first repeat). The base doubles from `firstMs` up to
 * `maxMs`. `random` in [0, 1) picks between half and all of it, so that failed callers do not return
 * together.
 */
export function backoffMs(attempt: number, limits: BackoffLimits, random: number): number {
  return wholeMsOf(attempt, limits) * (0.5 + random / 2);
}

/**
 * Returns the wait like {@link backoffMs}, but picks any part of the base. Some of many callers of one server
 * repeat at once, and the others spread widely.
 */
export function fullJitterMs(attempt: number, limits: BackoffLimits, random: number): number {
  return wholeMsOf(attempt, limits) * random;
}

function wholeMsOf(attempt: number, { firstMs, maxMs }: BackoffLimits): number {
  return Math.min(maxMs, firstMs * 2 ** Math.min(attempt, 30));
}
