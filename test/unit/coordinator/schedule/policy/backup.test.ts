import { describe, expect, test } from "vitest";
import { DEFAULT_SCHEDULE } from "../../../../../coordinator/schedule/state/config.ts";
import { SpeedSamples } from "../../../../../coordinator/schedule/state/speed-samples.ts";
import {
  aConfig,
  aPartial,
  aPlan,
  aReason,
  type Granted,
  kinds,
  only,
  outcomeOf,
  TestJob,
} from "../harness.ts";

/** Leases must not expire in these tests. */
const PATIENT = aConfig({ leaseMs: 10_000_000 });

/** Commits all of `count` shards but one at 1 s each. A slow worker has the last one. */
function aStraggler(count = 4, config = PATIENT): { job: TestJob; slow: Granted } {
  const job = TestJob.running(aPlan(count), config);
  const slow = job.grant(job.join("slow"));
  const fast = job.join("fast");
  for (let shard = 1; shard < count; shard += 1) {
    const lease = job.grant(fast);
    job.nowMs += 1000;
    const partial = aPartial(lease.shard, lease.token);
    job.offer(fast, partial);
    job.stored(partial);
  }
  return { job, slow };
}

describe("a backup lease", () => {
  test("a backup is granted once a lease is slow for its size and no shard is pending", () => {
    const { job, slow } = aStraggler();
    const idle = job.join("idle");
    const until = job.noLease(idle);
    expect(until).toMatchObject({ why: "nothingPending", retryAtMs: 1000 + DEFAULT_SCHEDULE.backup.minMs });
    job.nowMs = until.retryAtMs ?? 0;
    const effects = job.request(idle);
    expect(only(effects, "append").record).toMatchObject({ kind: "leaseGranted", backup: true });
    expect(only(effects, "grant").shard).toEqual(slow.shard);
  });

  test("the backup of a large shard waits for three times its usual time", () => {
    const shards = aPlan(2, 10).map((shard) => (shard.id === 1 ? { ...shard, rowEnd: 20_000_010 } : shard));
    const job = TestJob.running(shards, PATIENT);
    const [first, second, idle] = [job.join("w1"), job.join("w2"), job.join("w3")];
    const small = job.grant(first);
    job.grant(second);
    job.nowMs += 1;
    const partial = aPartial(small.shard, small.token);
    job.offer(first, partial);
    job.stored(partial);
    // At 0.1 ms a row, 2,000 s are usual for the large shard, and 6,000 s are slow.
    expect(job.noLease(idle).retryAtMs).toBeCloseTo(1000 + 6_000_000, 0);
  });

  test("a backup counts as an attempt, so a shard that crashes its workers gets no endless backups", () => {
    const { job, slow } = aStraggler();
    const workers = ["w1", "w2"].map((name) => job.join(name));
    let holder = slow.worker;
    for (const backup of workers) {
      job.nowMs += 1_000_000;
      expect(only(job.request(backup), "grant").shard).toEqual(slow.shard);
      job.lose(holder);
      holder = backup;
    }
    job.nowMs += 1_000_000;
    expect(job.noLease(job.join("w3"))).toMatchObject({ why: "nothingPending", retryAtMs: null });
  });

  test("a backup is granted at once if the worker was that slow with its previous shard", () => {
    const job = TestJob.running(aPlan(5), PATIENT);
    const [slow, fast] = [job.join("slow"), job.join("fast")];
    const first = job.grant(slow);
    for (let shards = 0; shards < 3; shards += 1) {
      const { shard, token } = job.grant(fast);
      job.nowMs += 1000;
      const partial = aPartial(shard, token);
      job.offer(fast, partial);
      job.stored(partial);
    }
    job.nowMs += 20_000;
    const late = aPartial(first.shard, first.token);
    job.offer(slow, late);
    job.stored(late);
    const last = job.grant(slow);
    expect(job.grant(fast).shard).toEqual(last.shard);
  });

  test("a slow worker never gets the backup of its own shard, in any session", () => {
    const { job } = aStraggler();
    job.nowMs += 60_000;
    const again = job.join("slow");
    expect(job.noLease(again).why).toBe("nothingPending");
    expect(job.grant(job.join("fast")).shard.id).toBe(0);
  });

  test("a shard has at most one backup", () => {
    const { job } = aStraggler();
    job.nowMs += 60_000;
    job.grant(job.join("b1"));
    expect(job.noLease(job.join("b2")).why).toBe("nothingPending");
  });

  test.each([
    [40, [0, 1]],
    [39, [0]],
    [2, [0]],
  ])("with %i shards, at most a twentieth of them or one has a backup", (shards, backups) => {
    const job = TestJob.running(aPlan(shards), PATIENT);
    const hoarder = job.join("hoarder", shards);
    for (let shard = 0; shard < shards; shard += 1) job.grant(hoarder);
    job.nowMs += 60_000;
    const helper = job.join("helper", shards);
    expect(backups.map(() => job.grant(helper).shard.id)).toEqual(backups);
    expect(job.noLease(helper)).toMatchObject({ why: "nothingPending", retryAtMs: null });
  });

  test("a share of zero disables backups", () => {
    const config = aConfig({ leaseMs: 10_000_000, backup: { ...DEFAULT_SCHEDULE.backup, maxShare: 0 } });
    const { job } = aStraggler(4, config);
    job.nowMs += 60_000;
    expect(job.noLease(job.join("idle")).why).toBe("nothingPending");
  });

  test("a backup that commits first ends the slow lease, as the next heartbeat reports", () => {
    const { job, slow } = aStraggler();
    job.nowMs += 60_000;
    const backup = job.grant(job.join("b1"));
    const partial = aPartial(backup.shard, backup.token);
    job.offer(backup.worker, partial);
    expect(job.beat(slow.worker, slow)).toEqual([true]);
    expect(kinds(job.stored(partial))).toEqual([
      "append shardCommitted",
      "settleOffer",
      "append attemptEnded",
      "startReduce",
    ]);
    expect(job.beat(slow.worker, slow)).toEqual([false]);
    expect(outcomeOf(job.offer(slow.worker, aPartial(slow.shard, slow.token)))).toBe("alreadyCommitted");
  });

  test("a backup keeps the shard if the other lease fails, and the failure is counted", () => {
    const { job, slow } = aStraggler();
    job.nowMs += 60_000;
    const backup = job.grant(job.join("b1"));
    job.fail(slow, aReason("MODEL_FAILED"));
    expect(job.stateOf(0)).toBe("leased");
    expect(job.beat(backup.worker, backup)).toEqual([true]);
    job.fail(backup, aReason("MODEL_FAILED"));
    expect(job.stateOf(0)).toBe("pending");
    expect(job.state.totals.attemptsFailed).toBe(2);
  });

  test("without a commit, a backup waits for the slow factor times the minimum", () => {
    const job = TestJob.running(aPlan(1), PATIENT);
    job.grant(job.join("w1"));
    const idle = job.join("w2");
    expect(job.noLease(idle).retryAtMs).toBe(job.nowMs + 30_000);
  });
});

test("a commit of one lease supersedes the other lease, whose offer waits for verification", () => {
  const { job, slow } = aStraggler();
  job.nowMs += 60_000;
  const backup = job.grant(job.join("b1"));
  const [mine, theirs] = [aPartial(backup.shard, backup.token), aPartial(slow.shard, slow.token)];
  job.offer(backup.worker, mine);
  job.offer(slow.worker, theirs);
  job.stored(mine);
  const ends = job.records.filter((record) => record.kind === "attemptEnded");
  expect(ends).toMatchObject([{ token: slow.token, end: { kind: "superseded" } }]);
});

describe("the median speed", () => {
  test("the median follows recent samples, whatever the earlier ones", () => {
    const speeds = new SpeedSamples();
    expect(speeds.medianMsPerRow).toBeNull();
    for (let sample = 0; sample < 500; sample += 1) speeds.add("w1", 1000);
    for (let sample = 0; sample < 101; sample += 1) speeds.add("w1", sample);
    expect(speeds.medianMsPerRow).toBe(50);
  });
});
