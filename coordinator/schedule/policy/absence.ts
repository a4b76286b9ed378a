import type { ScheduleConfig } from "../state/config.ts";

/** The last signs of life of a worker, as who hears its calls reports them. */
export interface Silence {
  /** When it last made a call. What the coordinator does for it meanwhile is no sign of life. */
  readonly heardMs: number;
  /** Since when its connection has been broken, without another call; null while it is not. */
  readonly disconnectedMs: number | null;
}

/** A worker that is gone: `died` where its connection says so, `silent` where nothing does. */
export interface Absence {
  readonly how: "died" | "silent";
  readonly message: string;
}

/**
 * Law `silence-is-not-death`: this function alone decides who is gone. Until then a worker is here, whatever
 * became of its leases, which run out by themselves and are nobody's fault.
 *
 * - A connection that broke is what a dead process leaves behind. A live worker calls again within the grace,
 *   so beyond it the worker has died, and its leases count as failures.
 * - Silence alone has many causes: a network that swallows everything, a machine or a coordinator that was
 *   stopped. The worker is gone after much more than a lease, and nothing counts as a failure.
 */
export function absenceOf(
  { heardMs, disconnectedMs }: Silence,
  { workerGoneMs, disconnectGraceMs }: Pick<ScheduleConfig, "workerGoneMs" | "disconnectGraceMs">,
  nowMs: number,
): Absence | null {
  const silentMs = nowMs - heardMs;
  if (silentMs > workerGoneMs) {
    return { how: "silent", message: `not heard of for ${Math.round(silentMs / 1000)} s` };
  }
  const isBroken = disconnectedMs !== null && nowMs - disconnectedMs > disconnectGraceMs;
  return isBroken ? { how: "died", message: "its connection is gone" } : null;
}
