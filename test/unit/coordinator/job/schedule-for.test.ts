import { expect, it } from "vitest";
import { limitSharers, scheduleFor } from "../../../../coordinator/job/schedule-for.ts";
import { DEFAULT_SCHEDULE } from "../../../../coordinator/schedule/state/config.ts";
import type { JobState } from "../../../../coordinator/schedule/state/job-state.ts";
import type { StepBinding } from "../../../../shared/domain/step-binding.ts";
import { needs } from "../../../support/needs.ts";

const waiting = {
  where: "map.prepare[0].ask",
  op: { kind: "extension", step: "ask", data: { patienceMs: 1_800_000, timeoutMs: 600_000 } },
} as unknown as StepBinding;
const sql = { op: { kind: "sql" } } as unknown as StepBinding;

/** Returns a state of workers with these numbers of leases. */
function stateOf(...leases: readonly number[]): Pick<JobState, "workers"> {
  const workers = leases.map((count, at) => [
    at,
    { leases: new Set(Array.from({ length: count }, (_, lease) => lease)) },
  ]);
  return { workers: new Map(workers as never) };
}

it("a job whose steps compute keeps its schedule, and shares no limits", () => {
  const map = { prepare: [sql], finish: [] };
  expect(scheduleFor(map, DEFAULT_SCHEDULE)).toBe(DEFAULT_SCHEDULE);
  expect(limitSharers(map, stateOf(1, 1))).toBe(1);
});

needs("ask")(
  "a job that waits for a server has no backups, and waits before a shard counts as stalled",
  () => {
    const { backup, stallMs, storeGraceMs, ...rest } = scheduleFor(
      { prepare: [], finish: [waiting] },
      DEFAULT_SCHEDULE,
    );
    expect(backup.maxShare).toBe(0);
    expect(stallMs).toBe(DEFAULT_SCHEDULE.stallMs + 2_400_000);
    expect(storeGraceMs).toBe(4_800_000);
    expect(DEFAULT_SCHEDULE).toMatchObject(rest);
  },
);

needs("ask")("workers with leases share the limits, and there is at least one", () => {
  const map = { prepare: [sql, waiting], finish: [] };
  expect([stateOf(), stateOf(0), stateOf(3, 0, 1)].map((state) => limitSharers(map, state))).toEqual([
    1, 1, 2,
  ]);
});
