import { describe, expect, test } from "vitest";
import { aPartial, aPlan, type Granted, TestJob } from "../harness.ts";

/** A fleet at work on a job that goes on for long, and shards that a worker just died with. */
function aFleet({ workers, died }: { readonly workers: number; readonly died: number }) {
  const job = TestJob.running(aPlan(200));
  const dead = job.join("dead", died);
  const suspects = Array.from({ length: died }, () => job.grant(dead).shard.id);
  const fleet = Array.from({ length: workers }, (_, index) => job.join(`w${index}`));
  const held = new Map(fleet.map((worker) => [worker, [job.grant(worker), job.grant(worker)]]));
  job.lose(dead);
  job.nowMs += 1_000;
  /** Hands in the first shard that the worker holds. */
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
    throw new Error("no answer");
  };
  return { job, fleet, suspects, finish, ask };
}

describe("a shard that a worker died with, while all others are at work", () => {
  test("goes to a worker that is given nothing else until it holds nothing, long before the job's end", () => {
    const { fleet, suspects, finish, ask } = aFleet({ workers: 3, died: 1 });
    const [first = fail(), second = fail(), third = fail()] = fleet;
    finish(first);
    expect(ask(first)).toBe("slotsFull");
    // One of three: the others go on as if nothing had happened.
    for (const worker of [second, third]) {
      finish(worker);
      expect(ask(worker)).toBeGreaterThan(6);
    }
    finish(first);
    expect(ask(first)).toBe(suspects[0]);
    expect(ask(first)).toBe("slotsFull");
    // None waits any more: nobody is emptied, and when the shard is done its worker is like any other.
    finish(second);
    expect(ask(second)).toBeGreaterThan(6);
    finish(first);
    expect([ask(first), ask(first)].every((id) => Number(id) > 6)).toBe(true);
  });

  test("empties an eighth of a large fleet at once", () => {
    const { fleet, finish, ask } = aFleet({ workers: 33, died: 9 });
    for (const worker of fleet) finish(worker);
    expect(fleet.map(ask).filter((answer) => answer === "slotsFull")).toHaveLength(4);
  });

  test("is not waited for by a worker that was lost, or is empty and does not ask", () => {
    const { job, fleet, finish, ask, suspects } = aFleet({ workers: 3, died: 2 });
    const [first = fail(), second = fail(), third = fail()] = fleet;
    finish(first);
    expect(ask(first)).toBe("slotsFull");
    job.lose(first, "left");
    finish(second);
    expect(ask(second)).toBe("slotsFull");
    finish(second);
    // It is empty, and silent: the next one that asks is emptied in its place.
    finish(third);
    expect(ask(third)).toBe("slotsFull");
    finish(third);
    expect(ask(third)).toBe(suspects[0]);
  });
});

function fail(): never {
  throw new Error("a fleet of three");
}
