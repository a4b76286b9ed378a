/**
 * How long to wait before try number `attempt` (0 is the first repeat): doubles from `firstMs` up to `maxMs`,
 * of which between half and all is waited, by `random` in [0, 1), so that many who failed together do not
 * return together.
 */
export function backoffMs(
  attempt: number,
  limits: { readonly firstMs: number; readonly maxMs: number },
  random: number,
): number {
  const wholeMs = Math.min(limits.maxMs, limits.firstMs * 2 ** Math.min(attempt, 30));
  return wholeMs * (0.5 + random / 2);
}
