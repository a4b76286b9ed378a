import fc from "fast-check";
import { expect, test } from "vitest";
import { workerSession } from "../../../../shared/domain/worker.ts";
import { FakeJob, Fleet } from "../../../support/job-choice-fleet.ts";

const WORKERS = ["a", "b", "c", "d", "e", "f", "g"];
const MANY = 1_000_000;

const step = fc.oneof(
  { weight: 6, arbitrary: fc.record({ kind: fc.constant("ask" as const), worker: fc.nat(6) }) },
  { weight: 3, arbitrary: fc.record({ kind: fc.constant("finish" as const), worker: fc.nat(6) }) },
  fc.record({ kind: fc.constant("leave" as const), worker: fc.nat(6) }),
  fc.record({
    kind: fc.constant("arrive" as const),
    waiting: fc.nat(5),
    priority: fc.integer({ min: -1, max: 1 }),
  }),
  fc.record({ kind: fc.constant("shards" as const), job: fc.nat(5), waiting: fc.nat(5) }),
  fc.record({ kind: fc.constant("pause" as const), job: fc.nat(5), paused: fc.boolean() }),
  fc.record({
    kind: fc.constant("priority" as const),
    job: fc.nat(5),
    priority: fc.integer({ min: -1, max: 1 }),
  }),
  fc.constant({ kind: "tick" as const }),
);
type Step = typeof step extends fc.Arbitrary<infer T> ? T : never;

function take(fleet: Fleet, one: Step): void {
  const worker = "worker" in one ? (WORKERS[one.worker] ?? "a") : "a";
  const job = "job" in one ? fleet.jobs[one.job % Math.max(1, fleet.jobs.length)] : undefined;
  if (one.kind === "ask") fleet.ask(worker);
  else if (one.kind === "finish") fleet.finish(worker);
  else if (one.kind === "leave") fleet.leave(worker);
  else if (one.kind === "tick") fleet.forgetIdle();
  else if (one.kind === "arrive") {
    if (fleet.jobs.length < 6)
      fleet.jobs.push(new FakeJob(`job-${fleet.jobs.length}`, one.waiting, one.priority));
  } else if (job === undefined) return;
  else if (one.kind === "shards") job.waiting += one.waiting;
  else if (one.kind === "pause") job.paused = one.paused;
  else job.priority = one.priority;
}

function jobsOf(fleet: Fleet, name: string): string[] {
  return fleet.jobs.filter((job) => job.leasesOf(workerSession(name)) > 0).map(({ jobId }) => jobId);
}

/** Ends each worker's shards, and requests two more for each. Returns how many workers changed their job. */
function round(fleet: Fleet, names: readonly string[]): number {
  let changes = 0;
  for (const name of names) {
    const [before] = jobsOf(fleet, name);
    for (let slot = 0; slot < 2; slot += 1) fleet.ask(name);
    fleet.finish(name);
    const after = fleet.ask(name);
    if (before !== undefined && after !== before) changes += 1;
  }
  return changes;
}

test("under any sequence of events, no worker holds leases of two jobs", () => {
  fc.assert(
    fc.property(fc.array(step, { maxLength: 80 }), (steps) => {
      const fleet = new Fleet();
      for (const one of steps) {
        take(fleet, one);
        for (const name of WORKERS) expect(jobsOf(fleet, name).length).toBeLessThanOrEqual(1);
      }
    }),
    { numRuns: 500 },
  );
});

test("after any events, equal jobs with enough shards soon have fair shares, and workers keep their jobs", () => {
  const order = fc.shuffledSubarray(WORKERS, { minLength: 1 });
  fc.assert(
    fc.property(fc.array(step, { maxLength: 80 }), order, (steps, names) => {
      const fleet = new Fleet(new FakeJob("first", 3));
      for (const one of steps) take(fleet, one);
      for (const name of WORKERS) if (!names.includes(name)) fleet.leave(name);
      for (const job of fleet.jobs) job.waiting = MANY;
      fleet.forgetIdle();
      let changes = 0;
      for (let turn = 0; turn < 4; turn += 1) changes += round(fleet, names);
      const open = fleet.jobs.filter(({ paused }) => !paused);
      const highest = Math.max(...open.map(({ priority }) => priority));
      const counts = open.filter(({ priority }) => priority === highest).map(({ workers }) => workers);
      if (open.length > 0) {
        // All work on the jobs of the highest priority, in equal shares.
        expect(counts.reduce((sum, count) => sum + count, 0)).toBe(names.length);
        expect(Math.max(...counts) - Math.min(...counts)).toBeLessThanOrEqual(1);
      }
      expect(changes).toBeLessThanOrEqual(2 * names.length);
      for (let turn = 0; turn < 3; turn += 1) expect(round(fleet, names)).toBe(0);
    }),
    { numRuns: 1_000 },
  );
});

test("each early job finishes, though new equal jobs keep arriving", () => {
  fc.assert(
    fc.property(fc.integer({ min: 1, max: 4 }), fc.integer({ min: 1, max: 6 }), (workers, jobs) => {
      const names = WORKERS.slice(0, workers);
      const fleet = new Fleet(...Array.from({ length: jobs }, (_, at) => new FakeJob(`job-${at}`, 8)));
      // An endless stream of younger jobs. Each earlier job must end in spite of it.
      for (let turn = 0; turn < 60; turn += 1) {
        round(fleet, names);
        fleet.jobs.push(new FakeJob(`late-${turn}`, 8));
      }
      for (const job of fleet.jobs.slice(0, jobs)) expect(job.waiting).toBe(0);
    }),
    { numRuns: 50 },
  );
});
