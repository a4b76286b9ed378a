import { describe, expect, test } from "vitest";
import { deferred } from "../../../../shared/core/abort.ts";
import { systemClock } from "../../../../shared/core/clock.ts";
import { ShardmillError } from "../../../../shared/core/errors.ts";
import { silentLogger } from "../../../../shared/core/log.ts";
import type { ExecutionId } from "../../../../shared/domain/execution-id.ts";
import type { Lease } from "../../../../shared/domain/job.ts";
import type { PartialManifest } from "../../../../shared/domain/partial.ts";
import { workerSession } from "../../../../shared/domain/worker.ts";
import { ownVersions } from "../../../../shared/wire/protocol.ts";
import type { LeaseAnswer } from "../../../../shared/wire/services.ts";
import { LeaseLoop } from "../../../../worker/lease/lease-loop.ts";
import type { ShardRunner } from "../../../../worker/lease/shard-runner.ts";
import { aLease, aPartialManifest, aWorker, rowCounts } from "../../../support/builders.ts";
import { FakeWork } from "../../../support/fake-work.ts";
import { aDigest } from "../../../support/ids.ts";

function partialOf(lease: Lease, executionId: ExecutionId): PartialManifest {
  const { shard, token } = lease;
  return aPartialManifest({ shard: shard.id, token, executionId, ...rowCounts(100), digest: aDigest("d") });
}

function loopOf(
  work: FakeWork,
  run: ShardRunner["run"],
  times: { drainMs?: number; giveUpMs?: number } = {},
) {
  return new LeaseLoop({
    work,
    registration: { ...aWorker(), ...ownVersions() },
    runner: { run },
    takeBusy: () => ({}),
    takePadding: () => null,
    clock: systemClock,
    log: silentLogger,
    giveUpMs: times.giveUpMs ?? 10_000,
    drainMs: times.drainMs ?? 5_000,
    onSession: () => {},
  });
}

const never = new AbortController().signal;
const lease = (shard: number): LeaseAnswer => ({ kind: "lease", lease: aLease({ shard, sequence: shard }) });
const dismissed: LeaseAnswer = { kind: "dismissed", reason: "done" };

describe("the worker's lease loop", () => {
  test("granted shards are run and offered, and a drain ends the loop with a call of leave", async () => {
    const work = new FakeWork();
    const offered = deferred<void>();
    work.answers.push(lease(1), lease(2));
    const run: ShardRunner["run"] = async (granted, executionId) => partialOf(granted, executionId);
    const offerPartial = work.offerPartial.bind(work);
    work.offerPartial = async (...args) => {
      const answer = await offerPartial(...args);
      if (work.heard.filter((line) => line.startsWith("offer")).length === 2) offered.resolve();
      return answer;
    };
    const drain = new AbortController();
    const ended = loopOf(work, run).run(drain.signal, never);
    await offered.promise;
    drain.abort();
    expect(await ended).toBe("drained");
    expect(work.heard).toEqual(["register", "offer 1 by s1", "offer 2 by s1", "leave"]);
  });

  test("a heartbeat is sent before the first partial is offered, and not before the second", async () => {
    const work = new FakeWork();
    const times = { leaseMs: 60_000, heartbeatMs: 60_000 };
    work.register = async () => ({ session: workerSession("s1"), ...times });
    work.answers.push(lease(1), lease(2));
    const offered = deferred<void>();
    work.heartbeat = async ({ leases }) => {
      work.heard.push("heartbeat");
      return leases.map(({ lease: ref }) => ({ lease: ref, live: true, workers: 1 }));
    };
    const second = deferred<void>();
    const run: ShardRunner["run"] = async (granted, executionId) => {
      if (granted.shard.id === 2) await second.promise;
      return partialOf(granted, executionId);
    };
    const offerPartial = work.offerPartial.bind(work);
    work.offerPartial = async (...args) => {
      const answer = await offerPartial(...args);
      if (args[2].shard === 1) second.resolve();
      else offered.resolve();
      return answer;
    };
    const drain = new AbortController();
    const ended = loopOf(work, run).run(drain.signal, never);
    await offered.promise;
    drain.abort();
    await ended;
    expect(work.heard).toEqual(["heartbeat", "offer 1 by s1", "offer 2 by s1", "leave"]);
  });

  test("a dismissal ends the loop with a call of leave, after a running shard is released", async () => {
    const work = new FakeWork();
    work.answers.push(lease(1), dismissed);
    const run: ShardRunner["run"] = (_granted, _id, { signal }) =>
      new Promise((_resolve, reject) => signal.addEventListener("abort", () => reject(signal.reason)));
    expect(await loopOf(work, run).run(never, never)).toBe("dismissed");
    expect(work.heard).toEqual(["register", "release 1", "leave"]);
  });

  test("a drain finishes the running shard before the worker leaves", async () => {
    const work = new FakeWork();
    const gate = deferred<void>();
    const started = deferred<void>();
    work.answers.push(lease(1));
    const drain = new AbortController();
    const ended = loopOf(work, async (granted, executionId) => {
      started.resolve();
      await gate.promise;
      return partialOf(granted, executionId);
    }).run(drain.signal, never);
    await started.promise;
    drain.abort();
    gate.resolve();
    await ended;
    expect(work.heard).toEqual(["register", "offer 1 by s1", "leave"]);
  });

  test("a drain releases a shard that does not finish in time, without a failure", async () => {
    const work = new FakeWork();
    const started = deferred<void>();
    work.answers.push(lease(1));
    const drain = new AbortController();
    const ended = loopOf(
      work,
      (_granted, _id, { signal }) => {
        started.resolve();
        return new Promise((_resolve, reject) =>
          signal.addEventListener("abort", () => reject(signal.reason)),
        );
      },
      { drainMs: 10 },
    ).run(drain.signal, never);
    await started.promise;
    drain.abort();
    expect(await ended).toBe("drained");
    expect(work.heard).toEqual(["register", "release 1", "leave"]);
  });

  test("a lost lease stops its shard, and nothing is reported about it", async () => {
    const work = new FakeWork();
    const stopped = deferred<unknown>();
    work.answers.push(lease(1));
    work.lost.add(1);
    const drain = new AbortController();
    const ended = loopOf(work, (_granted, _id, { signal }) => {
      return new Promise((_resolve, reject) =>
        signal.addEventListener("abort", () => {
          stopped.resolve(signal.reason);
          reject(signal.reason);
        }),
      );
    }).run(drain.signal, never);
    expect(await stopped.promise).toMatchObject({ code: "LEASE_STALE" });
    drain.abort();
    await ended;
    expect(work.heard).toEqual(["register", "leave"]);
  });

  test("a failed attempt is reported with its code", async () => {
    const work = new FakeWork();
    const told = deferred<void>();
    const failAttempt = work.failAttempt.bind(work);
    work.failAttempt = async (...args) => {
      await failAttempt(...args);
      told.resolve();
    };
    work.answers.push(lease(1));
    const drain = new AbortController();
    const ended = loopOf(work, () => Promise.reject(new ShardmillError("INPUT_CORRUPT", "bad footer"))).run(
      drain.signal,
      never,
    );
    await told.promise;
    drain.abort();
    await ended;
    expect(work.heard).toEqual(["register", "fail 1 INPUT_CORRUPT", "leave"]);
  });

  test("a stale session is replaced, and the finished partial is offered under the new session", async () => {
    const work = new FakeWork();
    const offered = deferred<void>();
    const gate = deferred<void>();
    work.answers.push(lease(1), new ShardmillError("SESSION_STALE", "who are you"));
    work.staleOffers = 1;
    const register = work.register.bind(work);
    work.register = async () => {
      if (work.sessions === 1) await gate.promise;
      return register();
    };
    const offerPartial = work.offerPartial.bind(work);
    work.offerPartial = async (...args) => {
      try {
        const answer = await offerPartial(...args);
        offered.resolve();
        return answer;
      } catch (error) {
        gate.resolve();
        throw error;
      }
    };
    const drain = new AbortController();
    const ended = loopOf(work, async (granted, id) => partialOf(granted, id)).run(drain.signal, never);
    await offered.promise;
    drain.abort();
    await ended;
    expect(work.heard).toEqual(["register", "register", "offer 1 by s2", "leave"]);
  });

  test("an unreachable coordinator is tried again", async () => {
    const work = new FakeWork();
    work.failRegister = 1;
    work.answers.push(dismissed);
    expect(await loopOf(work, () => Promise.reject(new Error("no shard"))).run(never, never)).toBe(
      "dismissed",
    );
  });

  test("a coordinator that stays unreachable ends the loop with COORDINATOR_UNREACHABLE", async () => {
    const work = new FakeWork();
    work.failRegister = 1_000;
    const ended = loopOf(work, () => Promise.reject(new Error("no shard")), { giveUpMs: 0 }).run(
      never,
      never,
    );
    await expect(ended).rejects.toMatchObject({ code: "COORDINATOR_UNREACHABLE" });
  });

  test("a refused certificate ends a new worker, but a registered worker retries for a time", async () => {
    const refused = new ShardmillError("CERTIFICATE_REFUSED", "it has expired");
    const unknown = new FakeWork();
    unknown.register = () => Promise.reject(refused);
    const run = () => Promise.reject(new Error("no shard"));
    await expect(loopOf(unknown, run).run(never, never)).rejects.toBe(refused);
    const known = new FakeWork();
    known.answers.push(refused, refused, new ShardmillError("SESSION_STALE", "who are you"), dismissed);
    expect(await loopOf(known, run).run(never, never)).toBe("dismissed");
    expect(known.sessions).toBe(2);
    known.answers.push(refused, refused);
    await expect(loopOf(known, run, { giveUpMs: 0 }).run(never, never)).rejects.toBe(refused);
  });

  test("a lease that is stale when its files are put is lost, and no failure is reported", async () => {
    const work = new FakeWork();
    const over = deferred<void>();
    work.answers.push(lease(1), lease(2));
    const run: ShardRunner["run"] = async (granted, executionId) => {
      if (granted.shard.id === 1) throw new ShardmillError("LEASE_STALE", "the lease is over");
      over.resolve();
      return partialOf(granted, executionId);
    };
    const drain = new AbortController();
    const ended = loopOf(work, run).run(drain.signal, never);
    await over.promise;
    drain.abort();
    await ended;
    expect(work.heard).toContain("offer 2 by s1");
    expect(work.heard.filter((call) => call.startsWith("fail"))).toEqual([]);
  });
});
