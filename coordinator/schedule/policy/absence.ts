import type { ScheduleConfig } from "../state/config.ts";

/** Last signs of a worker, as reported by the code that receives its calls. */
export interface Silence {
  /** Time of its last call. Work of the coordinator on its behalf does not count. */
  readonly heardMs: number;
  /** Start of a broken connection without a later call. Null: the connection is intact. */
  readonly disconnectedMs: number | null;
}

/** A lost worker. `exited`: its connection broke. `silent`: it only made no calls. */
export interface Absence {
  readonly how: "exited" | "silent";
  readonly message: string;
}

/**
 * Decides whether a worker is lost.
 *
 * Law `silence-is-not-loss`: no other code decides this. Until then a worker is present, whatever happens to
 * its leases. They expire on their own, which does not count as a failure.
 *
 * - An exited process leaves a broken connection. A running worker calls again within the grace. After the
 *   grace the worker counts as exited, and its leases count as failures.
 * - Silence has many causes: a network that drops everything, or a machine or a coordinator that was
 *   stopped. The worker is lost after much longer than a lease, and nothing counts as a failure.
 */
export function absenceOf(
  { heardMs, disconnectedMs }: Silence,
  { workerLostMs, disconnectGraceMs }: Pick<ScheduleConfig, "workerLostMs" | "disconnectGraceMs">,
  nowMs: number,
): Absence | null {
  const silentMs = nowMs - heardMs;
  if (silentMs > workerLostMs) {
    return { how: "silent", message: `not heard from for ${Math.round(silentMs / 1000)} s` };
  }
  const isBroken = disconnectedMs !== null && nowMs - disconnectedMs > disconnectGraceMs;
  return isBroken ? { how: "exited", message: "its connection is lost" } : null;
}
