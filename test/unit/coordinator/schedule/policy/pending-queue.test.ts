import { describe, expect, test } from "vitest";
import { runFleet } from "../fleet.ts";
import { aPartial, aPlan, type Granted, TestJob } from "../harness.ts";

/** Returns a fleet on a long job, and shards during which a worker was just killed. */
function aFleet({ workers, lostWorker }: { readonly workers: number; readonly lostWorker: number }) {
  const job = TestJob.running(aPlan(200));
  const dead = job.join("dead", lostWorker);
  const suspects = Array.from({ length: lostWorker }, () => job.grant(dead).shard.id);
  const fleet = Array.from({ length: workers }, (_, index) => job.join(`w${index}`));
  const held = new Map(fleet.map((worker) => [worker, [job.grant(worker), job.grant(worker)]]));
  job.lose(dead);
  job.nowMs += 1_000;
  /** Commits the first shard that the worker holds. */
  const finish = (worker: (typeof fleet)[number]): void => {
    const first = held.get(worker)?.shift() as Granted;
    const partial = aPartial(first.shard, first.token);
    job.offer(worker, partial);
    job.stored(partial);
  };
  const ask = (worker: (typeof fleet)[number]): number | string => {
    const effects = job.request(worker);
    for (const effect of effects) {
      if (effect.kind === "noLease") return effect.why;
      if (effect.kind !== "grant") continue;
      held.get(worker)?.push({ ...effect, worker });
      return effect.shard.id;
    }
    throw new Error("no response");
  };
  return { job, fleet, suspects, finish, ask };
}

describe("a shard whose worker was lost while all other workers are busy", () => {
  test("the shard is assigned to the first idle worker, and until then no worker gets another shard", () => {
    const { fleet, suspects, finish, ask } = aFleet({ workers: 3, lostWorker: 1 });
    const [first = fail(), second = fail(), third = fail()] = fleet;
    for (const worker of fleet) {
      finish(worker);
      expect(ask(worker)).toBe("slotsFull");
    }
    finish(first);
    expect(ask(first)).toBe(suspects[0]);
    expect(ask(first)).toBe("slotsFull");
    // No worker waits any more. The others continue, and after the shard its worker is like any other.
    for (const worker of [second, third]) expect(ask(worker)).toBeGreaterThan(6);
    finish(first);
    expect([ask(first), ask(first)].every((id) => Number(id) > 6)).toBe(true);
  });

  test("idle workers get other shards once one worker holds that shard", () => {
    const { fleet, suspects, finish, ask } = aFleet({ workers: 3, lostWorker: 1 });
    for (const worker of fleet) {
      finish(worker);
      finish(worker);
    }
    const [first, ...others] = fleet.map(ask);
    expect(first).toBe(suspects[0]);
    expect(others.every((id) => Number(id) > 6)).toBe(true);
  });
});

// Purpose of the rule (decision 22): without it, the row is found only after all other rows.
describe("a row in the first shard that crashes its workers", () => {
  test.each([
    { workers: 2, shards: 600 },
    { workers: 8, shards: 2400 },
    { workers: 32, shards: 9600 },
  ])(
    "$workers workers that prefetch find the row before a fifth of the job is done",
    ({ workers, shards }) => {
      const { failure, doneShare } = runFleet({
        workers,
        shards,
        rows: 64,
        poisonedRow: 40,
        maxDeadLetters: 0,
      });
      expect(failure?.fields).toMatchObject({ code: "ROW_POISON", row: 40 });
      expect(doneShare).toBeLessThan(0.2);
    },
  );
});

function fail(): never {
  throw new Error("expected a fleet of three");
}
