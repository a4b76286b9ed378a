import { expect, test } from "vitest";
import { uploadFault } from "../../../../../coordinator/schedule/policy/answers.ts";
import { shardId } from "../../../../../shared/domain/shard.ts";
import { aConfig, aPlan, type Granted, TestJob } from "../harness.ts";

/** Returns true when files of a partial under this lease are accepted, otherwise the error code. */
function taken({ state }: TestJob, { shard, token }: Pick<Granted, "shard" | "token">): true | string {
  return uploadFault(state, shard.id, token)?.code ?? true;
}

test("files are accepted under a valid or expired lease, also if another worker holds the shard", () => {
  const job = TestJob.running(aPlan(1), aConfig({ leaseMs: 30_000 }));
  const lease = job.grant(job.join("w1"));
  expect(taken(job, lease)).toBe(true);
  job.tickAfter(31_000);
  expect(taken(job, lease)).toBe(true);
  job.grant(job.join("w2"));
  expect(taken(job, lease)).toBe(true);
});

test("files are refused after the lease was released or failed, or the shard was committed", () => {
  const job = TestJob.running(aPlan(3));
  const worker = job.join("w1", 3);
  const [released, failed, committed] = [job.grant(worker), job.grant(worker), job.grant(worker)];
  job.release(released);
  job.fail(failed);
  expect([taken(job, released), taken(job, failed)]).toEqual(["LEASE_STALE", "LEASE_STALE"]);
  expect(taken(job, committed)).toBe(true);
  const again = job.commit(worker);
  expect(uploadFault(job.state, again.shard, again.token)?.code).toBe("LEASE_STALE");
});

test("files are refused for an unknown shard, an unknown token or an ended job", () => {
  const job = TestJob.running(aPlan(2));
  const lease = job.grant(job.join("w1"));
  const { generation, sequence } = lease.token;
  expect(uploadFault(job.state, shardId(99), lease.token)?.code).toBe("LEASE_STALE");
  expect(taken(job, { ...lease, token: { generation, sequence: sequence + 1 } })).toBe("LEASE_STALE");
  expect(taken(job, { ...lease, token: { generation: generation + 1, sequence } })).toBe("LEASE_STALE");
  job.apply({ kind: "cancelRequested", reason: "enough" });
  expect(taken(job, lease)).toBe("LEASE_STALE");
});

test("files are accepted under a lease of an earlier coordinator", () => {
  const job = TestJob.running(aPlan(1));
  const lease = job.grant(job.join("w1"));
  job.restart();
  expect(taken(job, lease)).toBe(true);
});
