import { expect, test } from "vitest";
import type { ActiveJob } from "../../../../coordinator/job/active-job.ts";
import { Waiters } from "../../../../coordinator/service/waiters.ts";
import { WorkServer } from "../../../../coordinator/service/work-server.ts";
import { WorkerRegistry } from "../../../../coordinator/service/worker-registry.ts";
import { deferred, NEVER } from "../../../../shared/core/abort.ts";
import { systemClock } from "../../../../shared/core/clock.ts";
import { silentLogger } from "../../../../shared/core/log.ts";
import { ownMapping } from "../../../../shared/core/mapping.ts";
import type { PartialManifest } from "../../../../shared/domain/partial.ts";
import { shardId } from "../../../../shared/domain/shard.ts";
import { ownVersions, PROTOCOL } from "../../../../shared/wire/protocol.ts";
import { aWorker } from "../../../support/builders.ts";
import { aJobId } from "../../../support/ids.ts";
import { aStore } from "../../../support/store-counts.ts";

/** Returns a server without jobs. It refuses these calls before it looks for a job. */
function aServer(jobs: readonly Partial<ActiveJob>[] = [], opening = { isOpening: false }) {
  const registry = new WorkerRegistry();
  const server = new WorkServer({
    registry,
    waiters: new Waiters(),
    jobs: () => jobs as readonly ActiveJob[],
    dismissal: () => null,
    isOpening: () => opening.isOpening,
    times: { leaseMs: 30_000, heartbeatMs: 10_000 },
    clock: systemClock,
    log: silentLogger,
  });
  const register = (slots: number, taskSlots?: number) =>
    server.register({ ...aWorker({ slots, taskSlots }), ...ownVersions() });
  return { server, register, registry };
}

function leasesOf(jobs: readonly string[]) {
  return jobs.map((jobId, index) => ({
    lease: { jobId: aJobId(jobId), shard: shardId(index), token: { generation: 1, sequence: index } },
    rowsDone: 1,
  }));
}

const invalid = expect.objectContaining({ code: "ARGUMENT_INVALID" });

test("a heartbeat is answered for each of its leases, and leases of unknown jobs are lost", async () => {
  const { server, register } = aServer();
  const { session } = await register(2);
  const leases = leasesOf(["a", "b", "a", "c", "b"]);
  const states = await server.heartbeat({ session, leases, busy: {}, padding: null, stores: [] });
  expect(states.map(({ lease }) => lease.shard).sort()).toEqual([0, 1, 2, 3, 4]);
  expect(states.every(({ live }) => !live)).toBe(true);
});

test("a heartbeat may have as many leases as its worker has slots of a kind, even lost ones, and no more", async () => {
  const { server, register } = aServer();
  const { session } = await register(2, 100);
  const beat = (count: number) =>
    server.heartbeat({
      session,
      leases: leasesOf(Array(count).fill("a")),
      busy: {},
      padding: null,
      stores: [],
    });
  expect(await beat(100)).toHaveLength(100);
  await expect(beat(101)).rejects.toEqual(invalid);
});

test("requests to stores are counted once for the worker's job, even if reports are lost, late or repeated", async () => {
  const requested = new Map<string, number>();
  const jobs = ["a", "b"].map(
    (jobId): Partial<ActiveJob> => ({
      jobId: aJobId(jobId),
      heartbeat: async (_session, own) => own.map(() => true),
      workerLost: async () => {},
      noteStores: (counts) => {
        for (const { requests } of counts) requested.set(jobId, (requested.get(jobId) ?? 0) + requests);
      },
    }),
  );
  const { server, register } = aServer(jobs);
  const { session } = await register(2);
  const beat = (requests: number, jobId: string | null) =>
    server.heartbeat({
      session,
      leases: jobId === null ? [] : leasesOf([jobId]),
      busy: {},
      padding: null,
      stores: [aStore("s3://bucket", { requests })],
    });
  // Before its first lease, a worker has no job. Its requests count for the next job.
  await beat(1, null);
  await beat(3, "a");
  // 5 was lost, 9 overtook 7, and 9 was sent again.
  for (const requests of [9, 7, 9]) await beat(requests, "a");
  expect(Object.fromEntries(requested)).toEqual({ a: 9 });
  await beat(10, "b");
  // Requests between two leases count for the previous job.
  await beat(14, null);
  expect(Object.fromEntries(requested)).toEqual({ a: 9, b: 5 });
  // A new session counts from its own start.
  const { session: next } = await register(2);
  const stores = [aStore("s3://bucket", { requests: 2 })];
  await server.heartbeat({ session: next, leases: leasesOf(["b"]), busy: {}, padding: null, stores });
  expect(Object.fromEntries(requested)).toEqual({ a: 9, b: 7 });
});

test("a heartbeat with leases of 1,024 jobs needs no quadratic search", async () => {
  const { server, register } = aServer();
  const { session } = await register(1_024);
  const leases = leasesOf(Array.from({ length: 1_024 }, (_, index) => `job-${index}`));
  const beat = () => server.heartbeat({ session, leases, busy: {}, padding: null, stores: [] });
  await beat();
  const startMs = performance.now();
  for (let round = 0; round < 20; round += 1) await beat();
  // A quadratic search took a hundred times as long.
  expect(performance.now() - startMs).toBeLessThan(5_000);
});

test.each([0, 1_025])("a worker with %d slots is refused", async (slots) => {
  await expect(aServer().register(slots)).rejects.toEqual(invalid);
  await expect(aServer().register(1, slots)).rejects.toEqual(invalid);
});

test("a reconnected worker is not marked as disconnected when its old connection breaks", async () => {
  const { server, register, registry } = aServer();
  const { session } = await register(1);
  const [before, after] = [new AbortController(), new AbortController()];
  const first = server.requestLease(session, 60_000, [], before.signal);
  const second = server.requestLease(session, 60_000, [], after.signal);
  before.abort(new Error("gone"));
  await expect(first).rejects.toThrow("gone");
  expect(registry.silenceOf(session).disconnectedMs).toBeNull();
  after.abort(new Error("gone, too"));
  await expect(second).rejects.toThrow("gone, too");
  expect(registry.silenceOf(session).disconnectedMs).toEqual(expect.any(Number));
});

test("retries of a waiting lease request do not count as contact with the worker", async () => {
  let tries = 0;
  const job: Partial<ActiveJob> = {
    jobId: aJobId("busy"),
    accepts: () => true,
    join: async () => {},
    leasesOf: () => 0,
    requestLease: async () => {
      tries += 1;
      return { kind: "none", retryAtMs: performance.now() + 5, slotsFull: false };
    },
  };
  const { server, register, registry } = aServer([job]);
  const { session } = await register(1);
  const answer = server.requestLease(session, 1_500, [], NEVER);
  const { heardMs } = registry.silenceOf(session);
  expect(await answer).toMatchObject({ kind: "noLease" });
  expect(tries).toBeGreaterThan(2);
  expect(registry.silenceOf(session).heardMs).toBe(heardMs);
});

test("each job is informed of a lost worker, even after a job whose disk hangs or fails", async () => {
  const told: string[] = [];
  const aJob = (jobId: string, answer: () => Promise<void>): Partial<ActiveJob> => ({
    jobId: aJobId(jobId),
    workerLost: (session) => {
      told.push(`${jobId} ${session}`);
      return answer();
    },
  });
  const hung = deferred<void>();
  const { server, register } = aServer([
    aJob("fails", () => Promise.reject(new Error("no space left"))),
    aJob("hangs", () => hung.promise),
    aJob("sound", async () => {}),
  ]);
  const { session } = await register(1);
  const lost = server.workerLost(session, "exited", "silent");
  await Promise.resolve();
  expect(told).toEqual(["fails", "hangs", "sound"].map((jobId) => `${jobId} ${session}`));
  hung.resolve();
  await lost;
});

test("a worker with another mapping works only for jobs of that mapping, and is refused when none is left", async () => {
  const aJob = (jobId: string, mapping: string): Partial<ActiveJob> => ({
    jobId: aJobId(jobId),
    mapping,
    accepts: (_session, info) => info.mapping === mapping,
    join: async () => {},
    leasesOf: () => 0,
    readyFor: () => 0,
    requestLease: async () => ({ kind: "none", retryAtMs: null, slotsFull: false }),
    offer: async () => ({ kind: "committed" }),
  });
  const jobs = [aJob("old", "mapping of before"), aJob("new", ownMapping())];
  const opening = { isOpening: true };
  const { server } = aServer(jobs, opening);
  const before = { ...aWorker({ mapping: "mapping of before" }), protocol: PROTOCOL };
  const { session } = await server.register(before);
  const partial = { shard: shardId(0), rowsOut: 1 } as PartialManifest;
  expect(await server.offerPartial(session, aJobId("old"), partial)).toEqual({ kind: "committed" });
  expect(await server.offerPartial(session, aJobId("new"), partial)).toMatchObject({
    kind: "refused",
    error: { code: "VERSION_SKEW" },
  });
  jobs.shift();
  // The job that opens may have this mapping, so the worker may request leases, and join again.
  expect(await server.requestLease(session, 0, [], NEVER)).toMatchObject({ kind: "noLease" });
  await server.register({ ...before, name: "another" });
  opening.isOpening = false;
  const skew = expect.objectContaining({ code: "VERSION_SKEW" });
  await expect(server.requestLease(session, 0, [], NEVER)).rejects.toEqual(skew);
  await expect(server.register(before)).rejects.toEqual(skew);
});
