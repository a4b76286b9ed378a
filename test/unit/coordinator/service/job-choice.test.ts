import { expect, test } from "vitest";
import { type ChoosableJob, JobChoice } from "../../../../coordinator/service/job-choice.ts";
import { type WorkerSession, workerSession } from "../../../../shared/domain/worker.ts";

/** So many shards that wait; each lease takes one. */
class FakeJob implements ChoosableJob {
  readonly jobId: string;
  waiting: number;
  readonly held = new Map<WorkerSession, number>();

  constructor(jobId: string, waiting: number) {
    this.jobId = jobId;
    this.waiting = waiting;
  }

  leasesOf(session: WorkerSession): number {
    return this.held.get(session) ?? 0;
  }

  isNeglected(): boolean {
    return this.waiting > 0 && [...this.held.values()].every((count) => count === 0);
  }

  grant(session: WorkerSession): boolean {
    if (this.waiting === 0) return false;
    this.waiting -= 1;
    this.held.set(session, this.leasesOf(session) + 1);
    return true;
  }

  finishAll(session: WorkerSession): void {
    this.held.delete(session);
  }
}

class Fleet {
  readonly jobs: FakeJob[];
  readonly #choice = new JobChoice<FakeJob>();

  constructor(...jobs: FakeJob[]) {
    this.jobs = jobs;
  }

  /** The job that the worker gets a shard of; null when it gets none. */
  ask(name: string, running?: FakeJob): string | null {
    const chooser = { session: workerSession(name), name };
    for (const job of this.#choice.order(chooser, this.jobs, running)) {
      if (!this.#choice.mayAsk(chooser, job, this.jobs)) continue;
      const granted = job.grant(chooser.session);
      this.#choice.asked(chooser.session, job);
      if (granted) return job.jobId;
    }
    return null;
  }

  finish(name: string): void {
    for (const job of this.jobs) job.finishAll(workerSession(name));
  }
}

test("jobs are served in the order of their submission", () => {
  const fleet = new Fleet(new FakeJob("old", 2), new FakeJob("young", 2));
  expect(fleet.ask("a")).toBe("old");
  expect(fleet.ask("b")).toBe("old");
  expect(fleet.ask("c")).toBe("young");
});

test("a worker that holds leases of a job gets none of another", () => {
  const fleet = new Fleet(new FakeJob("old", 1), new FakeJob("young", 5));
  expect(fleet.ask("a")).toBe("old");
  expect(fleet.ask("a")).toBeNull();
  fleet.finish("a");
  expect(fleet.ask("a")).toBe("young");
});

test("a worker stays with its job while that has work for it, though an older one has some again", () => {
  const [old, young] = [new FakeJob("old", 2), new FakeJob("young", 9)];
  const fleet = new Fleet(old, young);
  for (const name of ["a", "b"]) expect(fleet.ask(name)).toBe("old");
  expect(fleet.ask("c")).toBe("young");
  fleet.finish("c");
  old.waiting = 1;
  expect(fleet.ask("c")).toBe("young");
});

test("an older job that nobody serves calls one worker back, which goes when it holds nothing", () => {
  const [old, young] = [new FakeJob("old", 0), new FakeJob("young", 9)];
  const fleet = new Fleet(old, young);
  for (const name of ["a", "b"]) expect(fleet.ask(name)).toBe("young");
  old.waiting = 1;
  expect(fleet.ask("a")).toBeNull();
  expect(fleet.ask("b")).toBe("young");
  expect(fleet.ask("a")).toBeNull();
  fleet.finish("a");
  expect(fleet.ask("a")).toBe("old");
  fleet.finish("a");
  expect(fleet.ask("a")).toBe("young");
});

test("a worker that was called back and never asks again is replaced by another", () => {
  const [old, young] = [new FakeJob("old", 0), new FakeJob("young", 9)];
  const fleet = new Fleet(old, young);
  for (const name of ["a", "b"]) expect(fleet.ask(name)).toBe("young");
  old.waiting = 1;
  expect(fleet.ask("a")).toBeNull();
  fleet.finish("a");
  expect(fleet.ask("b")).toBeNull();
  fleet.finish("b");
  expect(fleet.ask("b")).toBe("old");
});

test("a younger job calls nobody from an older one", () => {
  const fleet = new Fleet(new FakeJob("old", 9), new FakeJob("young", 9));
  for (let round = 0; round < 9; round += 1) expect(fleet.ask("a")).toBe("old");
});

test("a worker that still runs shards of a job from before a restart is given that job's first", () => {
  const [older, younger] = [new FakeJob("older", 5), new FakeJob("younger", 2)];
  const fleet = new Fleet(older, younger);
  expect(fleet.ask("other")).toBe("older");
  expect(fleet.ask("w", younger)).toBe("younger");
  expect(fleet.ask("w", younger)).toBe("younger");
  fleet.finish("w");
  expect(fleet.ask("w")).toBe("older");
});
