import { describe, expect, test } from "vitest";
import { workerSession } from "../../../../../shared/domain/worker.ts";
import { aDigest } from "../../../../support/ids.ts";
import { aConfig, aPartial, aPlan, aReason, kinds, only, outcomeOf, TestJob } from "../harness.ts";

function reducing(shards = 2, config = aConfig()) {
  const job = TestJob.running(aPlan(shards), config);
  const worker = job.join("w1");
  const partials = Array.from({ length: shards }, () => job.commit(worker));
  return { job, worker, partials };
}

function published() {
  const made = reducing();
  made.job.apply({ kind: "reduced", outputDigest: aDigest("d1") });
  made.job.apply({ kind: "publishDone", outputDigest: aDigest("d1") });
  return made;
}

describe("a job that has ended", () => {
  test("requests, heartbeats, failures and offers after the end get a response and change nothing", () => {
    const { job, worker, partials } = published();
    const [committed] = partials;
    const [shard] = aPlan(1);
    if (committed === undefined || shard === undefined) throw new Error("no partial");
    const { token } = committed;
    const records = job.records.length;
    expect(job.noLease(worker).why).toBe("jobEnded");
    expect(job.beat(worker, { worker, shard, token })).toEqual([false]);
    expect(only(job.fail({ worker, shard, token }), "refuse").reason.code).toBe("JOB_ENDED");
    expect(only(job.release({ worker, shard, token }), "refuse").reason.code).toBe("JOB_ENDED");
    const other = job.offer(worker, aPartial(shard, token));
    expect(kinds(other)).toEqual(["settleOffer", "discard"]);
    expect(outcomeOf(other)).toBe("JOB_ENDED");
    expect(job.records).toHaveLength(records);
  });

  test("the files of a committed partial stay if they are offered again, even with another digest", () => {
    const { job, worker, partials } = published();
    const [committed] = partials;
    if (committed === undefined) throw new Error("no partial");
    expect(kinds(job.offer(worker, committed))).toEqual(["settleOffer"]);
    expect(outcomeOf(job.offer(worker, committed))).toBe("committed");
    expect(kinds(job.offer(worker, { ...committed, digest: aDigest("other") }))).toEqual(["settleOffer"]);
  });

  test("later results of the shell are ignored", () => {
    const { job, partials } = published();
    const [partial] = partials;
    if (partial === undefined) throw new Error("no partial");
    const { shard, digest } = partial;
    expect(job.stored(partial)).toEqual([]);
    expect(job.rejected(partial)).toEqual([]);
    expect(job.apply({ kind: "partialDamaged", shard, digest, reason: "gone" })).toEqual([]);
    expect(job.apply({ kind: "reduced", outputDigest: aDigest("d2") })).toEqual([]);
    expect(job.apply({ kind: "publishDone", outputDigest: aDigest("d1") })).toEqual([]);
    expect(job.apply({ kind: "jobBroken", reason: aReason("INTERNAL") })).toEqual([]);
    expect(job.state.phase.kind).toBe("published");
  });

  test("workers that join, are lost or are refused after the end cause no effect and no record", () => {
    const { job, worker } = published();
    const records = job.records.length;
    const [late, wrong] = [workerSession("late"), workerSession("wrong")];
    expect(job.apply({ kind: "workerJoined", worker: late, name: "w2", slots: 2 })).toEqual([]);
    expect(job.apply({ kind: "workerJoined", worker: wrong, name: "w3", slots: 2 })).toEqual([]);
    expect(job.lose(worker, "silent")).toEqual([]);
    expect(job.lose(late)).toEqual([]);
    const reason = aReason("DEVICE_WRONG");
    expect(job.apply({ kind: "workerRefused", worker: wrong, reason })).toEqual([]);
    expect(job.tickAfter(1_000_000)).toEqual([]);
    expect(job.records).toHaveLength(records);
    expect(job.state.phase.kind).toBe("published");
  });
});

describe("impossible events", () => {
  test("an impossible event throws with the phase, the event and the history of the shard", () => {
    const { job, partials } = reducing();
    const [partial] = partials;
    if (partial === undefined) throw new Error("no partial");
    expect(() => job.stored(partial)).toThrow(
      /partialStored while the job is reducing; shard 0 \(a.parquet, rows 0 to 9\), is committed: 1.1 on w1/,
    );
    expect(() => job.apply({ kind: "publishDone", outputDigest: aDigest("d") })).toThrow(
      "publishDone while the job is",
    );
  });

  test("a result for an execution that is not being verified throws with the history of the shard", () => {
    const job = TestJob.running(aPlan(1));
    const { shard, token } = job.grant(job.join("w1"));
    expect(() => job.stored(aPartial(shard, token))).toThrow(/shard 0 .* is leased: 1.1 on w1 open/);
  });
});
