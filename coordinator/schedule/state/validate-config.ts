import type { Problem } from "../../../shared/core/errors.ts";
import type { ScheduleConfig } from "./config.ts";

/**
 * A lease must outlast this many heartbeats, or two that are lost on the way would cost a healthy worker its
 * shard.
 */
const HEARTBEATS_PER_LEASE = 3;

/** Everything that is wrong with a configuration; empty when the core can run with it. */
export function validateScheduleConfig(config: ScheduleConfig): Problem[] {
  const problems: Problem[] = [];
  const check = (where: string, good: boolean, expected: string, found: number) => {
    if (!good) problems.push({ where, what: "is out of range", expected, found: String(found) });
  };
  const { leaseMs, heartbeatMs, retryBackoffMs, retryBackoffMaxMs, maxAttempts, backup, exclusion } = config;

  check("heartbeatMs", positive(heartbeatMs), "a positive duration", heartbeatMs);
  const leaseFloorMs = HEARTBEATS_PER_LEASE * heartbeatMs;
  check("leaseMs", positive(leaseMs) && leaseMs >= leaseFloorMs, `at least ${leaseFloorMs}`, leaseMs);
  const { disconnectGraceMs, noWorkersGraceMs, refusedGraceMs, maxDeadRows } = config;
  check("disconnectGraceMs", notNegative(disconnectGraceMs), "a duration", disconnectGraceMs);
  check("noWorkersGraceMs", positive(noWorkersGraceMs), "a positive duration", noWorkersGraceMs);
  check("refusedGraceMs", notNegative(refusedGraceMs), "a duration", refusedGraceMs);
  check("maxAttempts", Number.isSafeInteger(maxAttempts) && maxAttempts >= 1, "1 or more", maxAttempts);
  check("retryBackoffMs", notNegative(retryBackoffMs), "a duration", retryBackoffMs);
  check(
    "retryBackoffMaxMs",
    notNegative(retryBackoffMaxMs) && retryBackoffMaxMs >= retryBackoffMs,
    `at least retryBackoffMs, ${retryBackoffMs}`,
    retryBackoffMaxMs,
  );
  check("backup.slowFactor", backup.slowFactor >= 1, "1 or more", backup.slowFactor);
  check("backup.minMs", notNegative(backup.minMs), "a duration", backup.minMs);
  check("backup.maxShare", backup.maxShare >= 0 && backup.maxShare <= 1, "0 to 1", backup.maxShare);
  check("exclusion.strikes", isCount(exclusion.strikes), "0 or more", exclusion.strikes);
  check("exclusion.windowMs", positive(exclusion.windowMs), "a positive duration", exclusion.windowMs);
  check("exclusion.forMs", positive(exclusion.forMs), "a positive duration", exclusion.forMs);
  check(
    "exclusion.forMaxMs",
    positive(exclusion.forMaxMs) && exclusion.forMaxMs >= exclusion.forMs,
    `at least exclusion.forMs, ${exclusion.forMs}`,
    exclusion.forMaxMs,
  );
  check("stallMs", positive(config.stallMs), "a positive duration", config.stallMs);
  check("maxDeadRows", isCount(maxDeadRows), "0 or more", maxDeadRows);
  return problems;
}

function isCount(value: number): boolean {
  return Number.isSafeInteger(value) && value >= 0;
}

function positive(ms: number): boolean {
  return Number.isFinite(ms) && ms > 0;
}

function notNegative(ms: number): boolean {
  return Number.isFinite(ms) && ms >= 0;
}
