import { describe, expect, test } from "vitest";
import type { ScheduleConfig } from "../../../../../coordinator/schedule/state/config.ts";
import { validateScheduleConfig } from "../../../../../coordinator/schedule/state/config.ts";
import { createJobState } from "../../../../../coordinator/schedule/state/job-state.ts";
import { isShardmillError } from "../../../../../shared/core/errors.ts";
import { aConfig } from "../harness.ts";

const { backup, exclusion } = aConfig();

describe("the schedule's configuration", () => {
  test("the default configuration is valid", () => {
    expect(validateScheduleConfig(aConfig())).toEqual([]);
  });

  test.each<[string, Partial<ScheduleConfig>]>([
    ["leaseMs", { leaseMs: 29_999 }],
    ["leaseMs", { leaseMs: -1 }],
    ["heartbeatMs", { heartbeatMs: 0 }],
    ["workerLostMs", { workerLostMs: 30_000 }],
    ["workerLostMs", { workerLostMs: Number.POSITIVE_INFINITY }],
    ["disconnectGraceMs", { disconnectGraceMs: -1 }],
    ["noWorkersGraceMs", { noWorkersGraceMs: 0 }],
    ["maxAttempts", { maxAttempts: 0 }],
    ["maxAttempts", { maxAttempts: 1.5 }],
    ["retryBackoffMs", { retryBackoffMs: -1 }],
    ["retryBackoffMaxMs", { retryBackoffMaxMs: 499 }],
    ["backup.slowFactor", { backup: { ...backup, slowFactor: 0.5 } }],
    ["backup.minMs", { backup: { ...backup, minMs: Number.NaN } }],
    ["backup.maxShare", { backup: { ...backup, maxShare: 1.5 } }],
    ["exclusion.strikes", { exclusion: { ...exclusion, strikes: -1 } }],
    ["exclusion.windowMs", { exclusion: { ...exclusion, windowMs: 0 } }],
    ["exclusion.forMs", { exclusion: { ...exclusion, forMs: 0 } }],
    ["exclusion.forMaxMs", { exclusion: { ...exclusion, forMaxMs: 1 } }],
    ["stallMs", { stallMs: 0 }],
    ["maxDeadLetters", { maxDeadLetters: -1 }],
  ])("the configuration is refused for %s, as in %j", (where, changes) => {
    const problems = validateScheduleConfig(aConfig(changes));
    expect(problems.map((problem) => problem.where)).toEqual([where]);
  });

  test("two problems are reported together, and no job starts with them", () => {
    const config = aConfig({ leaseMs: 1, maxAttempts: 0 });
    expect(validateScheduleConfig(config)).toHaveLength(2);
    expect(() => createJobState(config, 1)).toThrow(
      expect.toSatisfy((error) => isShardmillError(error, "ARGUMENT_INVALID")),
    );
  });
});
