import { describe, expect, test } from "vitest";
import { excludedMs } from "../../../../../coordinator/schedule/policy/exclusion.ts";
import type { WorkerSession } from "../../../../../shared/domain/worker.ts";
import { aConfig, aPartial, aPlan, aReason, type Granted, kinds, only, TestJob } from "../harness.ts";

const MINUTE = 60_000;

interface Scene {
  readonly job: TestJob;
  readonly bad: WorkerSession;
  readonly good: WorkerSession;
}

/** Returns a job with a good worker, and a bad one that has failed `failures` shards in turn. */
function aScene(failures: number, config = aConfig(), shards = 20): Scene {
  const job = TestJob.running(aPlan(shards), config);
  const [bad, good] = [job.join("bad"), job.join("good")];
  for (let shard = 0; shard < failures; shard += 1) job.fail(job.grant(bad));
  return { job, bad, good };
}

function commit(job: TestJob, { worker, shard, token }: Granted): void {
  const partial = aPartial(shard, token);
  job.offer(worker, partial);
  job.stored(partial);
}

const isExcluded = ({ job }: Scene, name = "bad") => excludedMs(job.state, name, job.nowMs) !== null;

describe("a worker that fails repeatedly", () => {
  test("a worker that fails three times gets no leases for a while, and the time of its next request", () => {
    const { job, bad, good } = aScene(2);
    const effects = job.fail(job.grant(bad));
    expect(only(effects, "exclusion")).toMatchObject({ name: "bad", excludedForMs: MINUTE });
    expect(job.noLease(bad)).toMatchObject({ why: "excluded", retryAtMs: job.nowMs + MINUTE });
    expect(excludedMs(job.state, "bad", job.nowMs + 15_000)).toBe(45_000);
    job.grant(good);
  });

  test("a worker stays excluded in another session", () => {
    const { job, bad } = aScene(3);
    job.lose(bad, "left");
    expect(job.noLease(job.join("bad")).why).toBe("excluded");
  });

  test("a crash and an invalid partial are strikes, as failures are", () => {
    const scene = aScene(1);
    const { job } = scene;
    job.grant(scene.bad);
    job.lose(scene.bad, "exited");
    const again = job.join("bad");
    const { shard, token } = job.grant(again);
    const partial = aPartial(shard, token);
    job.offer(again, partial);
    job.rejected(partial);
    expect(isExcluded(scene)).toBe(true);
  });

  test("a crash is a single strike, however many leases the worker held", () => {
    const scene = aScene(1);
    const { job, bad } = scene;
    job.grant(bad);
    job.grant(bad);
    job.lose(bad, "exited");
    job.join("bad");
    expect(isExcluded(scene)).toBe(false);
  });

  test("a partial with wrong counts is a strike", () => {
    const scene = aScene(2);
    const { shard, token } = scene.job.grant(scene.bad);
    scene.job.offer(scene.bad, aPartial(shard, token, { rowsOut: 9 }));
    expect(isExcluded(scene)).toBe(true);
  });

  test("a partial that is found damaged later is a strike", () => {
    const job = TestJob.running(aPlan(1));
    const bad = job.join("bad");
    job.join("good");
    const { shard, digest } = job.commit(bad);
    job.apply({ kind: "partialDamaged", shard, digest, reason: "gone" });
    expect(job.state.reputations.get("bad")?.strikes).toHaveLength(1);
  });

  test("a commit clears the strikes of a worker", () => {
    const scene = aScene(2);
    const { job, bad } = scene;
    job.commit(bad);
    job.fail(job.grant(bad));
    expect(isExcluded(scene)).toBe(false);
  });

  test("failures over a long time do not exclude a worker", () => {
    const scene = aScene(2);
    scene.job.nowMs += 10 * MINUTE;
    scene.job.fail(scene.job.grant(scene.bad));
    expect(isExcluded(scene)).toBe(false);
    scene.job.tickAfter(10 * MINUTE);
    expect(scene.job.state.reputations.size).toBe(0);
  });

  test("an expired lease, a release and a lost lease are not strikes", () => {
    const scene = aScene(2);
    const { job, bad } = scene;
    job.release(job.grant(bad));
    job.fail(job.grant(bad), aReason("LEASE_STALE"));
    job.grant(bad);
    job.tickAfter(30_000);
    job.grant(bad);
    job.lose(bad, "left");
    job.join("bad");
    expect(isExcluded(scene)).toBe(false);
  });

  test("no worker is excluded if exclusion is disabled", () => {
    const { exclusion } = aConfig();
    expect(isExcluded(aScene(5, aConfig({ exclusion: { ...exclusion, strikes: 0 } })))).toBe(false);
  });
});

describe("the only available worker", () => {
  test("the only worker is never excluded", () => {
    const job = TestJob.running(aPlan(20));
    const alone = job.join("alone");
    for (let times = 0; times < 5; times += 1) job.fail(job.grant(alone));
    job.grant(alone);
  });

  test("the only worker that may still work is not excluded", () => {
    const scene = aScene(3);
    for (let times = 0; times < 4; times += 1) scene.job.fail(scene.job.grant(scene.good));
    expect([isExcluded(scene, "bad"), isExcluded(scene, "good")]).toEqual([true, false]);
  });

  test("an excluded worker is readmitted and woken when it is the only one left", () => {
    const scene = aScene(3);
    const effects = scene.job.lose(scene.good);
    expect(kinds(effects)).toEqual(expect.arrayContaining(["exclusion", "wake"]));
    expect(isExcluded(scene)).toBe(false);
    scene.job.grant(scene.bad);
  });

  test("an excluded worker that joins as the only worker is readmitted", () => {
    const scene = aScene(3);
    scene.job.lose(scene.bad, "left");
    scene.job.lose(scene.good, "left");
    scene.job.grant(scene.job.join("bad"));
    expect(isExcluded(scene)).toBe(false);
  });
});

describe("a probe", () => {
  function onProbation(): Scene & { readonly probe: Granted } {
    const scene = aScene(3);
    scene.job.nowMs += MINUTE;
    return { ...scene, probe: scene.job.grant(scene.bad) };
  }

  test("a probe is a shard without a failure, if there is one", () => {
    expect(onProbation().probe.shard.id).toBe(3);
  });

  test("a worker gets one probe at a time, over all sessions of its name", () => {
    const { job, bad } = onProbation();
    expect(job.noLease(bad)).toMatchObject({ why: "excluded", retryAtMs: null });
    expect(job.noLease(job.join("bad")).why).toBe("excluded");
  });

  test("a committed probe ends the exclusion", () => {
    const scene = onProbation();
    commit(scene.job, scene.probe);
    expect(isExcluded(scene)).toBe(false);
    scene.job.grant(scene.bad);
  });

  test("a failed probe doubles the exclusion, up to the maximum", () => {
    const { job, bad, probe } = onProbation();
    let lease = probe;
    for (const minutes of [2, 4, 8, 10, 10]) {
      expect(only(job.fail(lease), "exclusion").excludedForMs).toBe(minutes * MINUTE);
      job.tickAfter(minutes * MINUTE - 1);
      expect(job.noLease(bad).why).toBe("excluded");
      job.nowMs += 1;
      lease = job.grant(bad);
    }
  });

  test("an expired probe is followed by another probe", () => {
    const { job, bad } = onProbation();
    job.tickAfter(30_000);
    job.grant(bad);
  });

  test("failures of leases from before the exclusion do not double it", () => {
    const job = TestJob.running(aPlan(20));
    const bad = job.join("bad", 4);
    job.join("good");
    const [first, ...others] = [job.grant(bad), job.grant(bad), job.grant(bad), job.grant(bad)];
    for (const lease of others) job.fail(lease);
    if (first === undefined) throw new Error("no lease");
    job.fail(first);
    expect(excludedMs(job.state, "bad", job.nowMs)).toBe(MINUTE);
  });
});

describe("a shard that causes failures", () => {
  test("a shard that failed on two workers removes the strikes that it caused", () => {
    const job = TestJob.running(aPlan(20), aConfig({ retryBackoffMs: 0 }));
    const [bad, good] = [job.join("bad", 3), job.join("good")];
    const leases = [job.grant(bad), job.grant(bad), job.grant(bad)];
    for (const lease of leases) job.fail(lease);
    const scene = { job, bad, good };
    expect(isExcluded(scene)).toBe(true);
    const again = job.grant(good);
    expect(again.shard.id).toBe(0);
    const effects = job.fail(again);
    expect(only(effects, "exclusion")).toMatchObject({ name: "bad", excludedForMs: null });
    expect(isExcluded(scene)).toBe(false);
    expect(job.state.reputations.has("good")).toBe(false);
  });

  test("a shard that crashes its workers excludes none of them, down to the row", () => {
    const job = TestJob.running(aPlan(1, 64), aConfig({ maxDeadLetters: 1 }));
    for (let step = 0; job.state.phase.kind === "running" && step < 200; step += 1) {
      const names = ["w0", "w1"];
      const [worker] = names.map((name) => job.join(name)).slice(step % 2);
      if (worker === undefined) throw new Error("no worker");
      const effects = job.request(worker);
      const [grant] = effects.filter((effect) => effect.kind === "grant");
      if (grant === undefined) job.nowMs += 30_000;
      else if (grant.shard.rowStart > 40 || grant.shard.rowEnd <= 40) commit(job, { ...grant, worker });
      else job.lose(worker, "exited");
      for (const session of [...job.state.workers.keys()]) job.lose(session, "left");
      job.nowMs += 60_000;
      expect([...job.state.reputations.values()].filter(({ exclusion }) => exclusion !== null)).toEqual([]);
    }
    expect(job.state.phase.kind).toBe("reducing");
  });
});

describe("the limit of attempts", () => {
  /** Gives one node every permitted retry, and fails it. */
  function failOn(job: TestJob, worker: WorkerSession, times: number): void {
    for (let at = 0; at < times; at += 1) {
      job.nowMs += MINUTE;
      job.fail(job.grant(worker));
    }
  }

  test("failures on one worker do not fail the job if there is a second worker", () => {
    const { job, bad, good } = aScene(0, aConfig(), 1);
    failOn(job, bad, 3);
    expect(job.state.phase.kind).toBe("running");
    job.nowMs += MINUTE;
    commit(job, job.grant(good));
    expect(job.state.phase.kind).toBe("reducing");
  });

  test("the limit is reached at once when the second worker fails, too", () => {
    const { job, bad, good } = aScene(0, aConfig(), 1);
    failOn(job, bad, 2);
    failOn(job, good, 1);
    expect(job.failure?.code).toBe("SHARD_FAILED");
  });

  test("the limit is twice as high if the other worker requests no lease", () => {
    const { exclusion } = aConfig();
    const { job, bad } = aScene(0, aConfig({ exclusion: { ...exclusion, strikes: 0 } }), 1);
    failOn(job, bad, 5);
    expect(job.state.phase.kind).toBe("running");
    failOn(job, bad, 1);
    expect(job.failure?.code).toBe("SHARD_FAILED");
  });

  test("a restart alone does not reach the limit", () => {
    const { job, bad } = aScene(0, aConfig(), 1);
    failOn(job, bad, 3);
    expect(job.restart()).toEqual([]);
    commit(job, job.grant(job.join("good")));
    expect(job.state.phase.kind).toBe("reducing");
  });
});
