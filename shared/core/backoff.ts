interface BackoffLimits {
  readonly firstMs: number;
  readonly maxMs: number;
}

/**
 * How long to wait before try number `attempt` (0 is the first repeat): doubles from `firstMs` up to `maxMs`,
 * of which between half and all is waited, by `random` in [0, 1), so that many who failed together do not
 * return together.
 */
export function backoffMs(attempt: number, limits: BackoffLimits, random: number): number {
  return wholeMsOf(attempt, limits) * (0.5 + random / 2);
}

/**
 * As {@link backoffMs}, but any part of it is waited: of many who ask one server again, some do so at once,
 * and the others are spread as far as can be.
 */
export function fullJitterMs(attempt: number, limits: BackoffLimits, random: number): number {
  return wholeMsOf(attempt, limits) * random;
}

function wholeMsOf(attempt: number, { firstMs, maxMs }: BackoffLimits): number {
  return Math.min(maxMs, firstMs * 2 ** Math.min(attempt, 30));
}
