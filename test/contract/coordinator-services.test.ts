import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, test } from "vitest";
import { startCoordinator } from "../../coordinator/coordinator.ts";
import { startServer } from "../../coordinator/grpc/server.ts";
import { realSeams } from "../../coordinator/job/job-seams.ts";
import { NEVER } from "../../shared/core/abort.ts";
import { present } from "../../shared/core/assert.ts";
import { systemClock } from "../../shared/core/clock.ts";
import { errorToData } from "../../shared/core/errors.ts";
import { silentLogger } from "../../shared/core/log.ts";
import type { JobId } from "../../shared/domain/job-id.ts";
import { workerSession } from "../../shared/domain/worker.ts";
import { connectCoordinator } from "../../shared/wire/client.ts";
import { ownVersions, PROTOCOL } from "../../shared/wire/protocol.ts";
import type { CoordinatorServices, LeaseRef } from "../../shared/wire/services.ts";
import { SeededRandom } from "../../sim/seeded-random.ts";
import { makeSimJob } from "../../sim/sim-plan.ts";
import { TEST_CREDENTIAL, TEST_GUARD } from "../support/access.ts";
import { aWorker } from "../support/builders.ts";
import { aJobId } from "../support/ids.ts";
import * as any from "../support/wire-arbitraries.ts";
import { collect, sample } from "../support/wire-rig.ts";

test("a coordinator gives the same responses and errors in process and over gRPC", async () => {
  const inProcess = await conversation("in process");
  expect(inProcess.map(([call]) => call)).toContain("requestLease");
  expect(await conversation("over gRPC")).toEqual(inProcess);
});

/** Calls of a worker and a user to a coordinator of one job, each with its answer. */
async function conversation(how: "in process" | "over gRPC"): Promise<(readonly [string, unknown])[]> {
  const folder = await mkdtemp(join(tmpdir(), "shardmill-services-"));
  const served: CoordinatorServices[] = [];
  const job = makeSimJob(new SeededRandom(1), { failingRows: false, poisonRows: false, place: 0 });
  const spec = { ...job.spec, output: { ...job.spec.output, path: join(folder, "out") } };
  const coordinator = await startCoordinator({
    listen: "127.0.0.1:0",
    guard: TEST_GUARD,
    clock: systemClock,
    log: silentLogger,
    seams: {
      ...realSeams,
      // Names are equal in both conversations.
      random: new SeededRandom(1),
      plan: async () => ({ ...job.planned, spec }),
      serve: (options) => {
        served.push(options.services);
        return startServer(options);
      },
    },
  });
  const client = connectCoordinator(coordinator.address, TEST_CREDENTIAL);
  try {
    const { jobId } = await coordinator.submit(spec, { fresh: false, signal: NEVER });
    const on = how === "in process" ? present(served[0], "it serves") : client;
    const answers: (readonly [string, unknown])[] = [];
    const say = async <T>(what: string, call: () => Promise<T>): Promise<T | null> => {
      try {
        const answer = await call();
        answers.push([what, comparable(answer, folder)]);
        return answer;
      } catch (error) {
        answers.push([what, comparable(errorToData(error), folder)]);
        return null;
      }
    };
    await talk(on, jobId, say);
    return answers;
  } finally {
    client.close();
    await coordinator.close();
    await rm(folder, { recursive: true, force: true });
  }
}

async function talk(
  { work, data, jobs, workers }: CoordinatorServices,
  jobId: JobId,
  say: <T>(what: string, call: () => Promise<T>) => Promise<T | null>,
): Promise<void> {
  const joining = { ...aWorker(), ...ownVersions() };
  const nobody = workerSession("nobody");
  const tooNew = { oldest: PROTOCOL.newest + 1, newest: 1_000 };
  await say("register, too new", () => work.register({ ...joining, protocol: tooNew }, NEVER));
  await say("register, another mapping", () => work.register({ ...joining, mapping: "another" }, NEVER));
  await say("register, another build", () => work.register({ ...joining, build: "another" }, NEVER));
  const joined = await say("register", () => work.register(joining, NEVER));
  const { session } = present(joined, "the worker joined");
  await say("describe to an unknown session", () => work.describeJob(nobody, jobId));
  await say("describe an unknown job", () => work.describeJob(session, aJobId("none")));
  await say("describe", () => work.describeJob(session, jobId));
  await say("lease for an unknown session", () => work.requestLease(nobody, 0, [], NEVER));
  const answer = present(
    await say("requestLease", () => work.requestLease(session, 0, [], NEVER)),
    "an answer",
  );
  if (answer.kind !== "lease") throw new Error("expected a lease of a job with shards");
  const { shard, token, slices } = answer.lease;
  const lease: LeaseRef = { jobId: jobId, shard: shard.id, token };
  const stale: LeaseRef = { ...lease, token: { generation: 1, sequence: 999 } };
  const leases = [lease, stale].map((each) => ({ lease: each, rowsDone: 1 }));
  await say("heartbeat", () =>
    work.heartbeat({ session, leases, busy: { infer: 0.5 }, padding: null, stores: [] }, NEVER),
  );
  const partial = { ...sample(any.partial), shard: shard.id, token, files: [] };
  await say("offer missing files", () => work.offerPartial(session, jobId, partial));
  await say("offer by an unknown session", () => work.offerPartial(nobody, jobId, partial));
  const path = present(slices[0], "a lease has rows of a file").file.path;
  await say("stat of a missing file", () => data.statFile(session, jobId, path, NEVER));
  await say("stat of a file outside the job", () => data.statFile(session, jobId, "/etc/passwd", NEVER));
  const range = { session, jobId, path: "/etc/passwd", start: 0, end: 10 };
  await say("read of a file outside the job", () => collect(data.readRange(range, NEVER)));
  const header = { ...sample(any.putHeader), session, jobId, shard: shard.id, token, name: "../x", bytes: 3 };
  await say("put outside its folder", () => data.putPartialFile(header, once(Buffer.from("abc")), NEVER));
  await say("fail", () => work.failAttempt(session, lease, errorToData(new Error("it broke"))));
  await say("release an unknown lease", () => work.releaseLease(session, stale));
  await say("get an unknown job", () => jobs.getJob(aJobId("none"), NEVER));
  await say("get the last job", () => jobs.getJob(aJobId(""), NEVER));
  await say("listJobs", () => jobs.listJobs(NEVER));
  await say("listWorkers", () => workers.listWorkers(NEVER));
  await say("cancel", () => jobs.cancelJob(jobId, "enough", NEVER));
  await say("watch until its end", async () => (await collect(jobs.watchJob(jobId, NEVER))).at(-1));
  await say("leave", () => work.leave(session, null, NEVER));
  await say("leave again", () => work.leave(session, null, NEVER));
}

/** Removes parts that depend on the folder or the clock, such as the bottleneck. */
function comparable(answer: unknown, folder: string): unknown {
  const text = JSON.stringify(answer ?? null, (key, value) =>
    /seconds|mtimeMs|PerSecond|bottleneck|advice|stages|^ended$/i.test(key) ? undefined : value,
  );
  return JSON.parse(text.replaceAll(folder, "FOLDER"));
}

async function* once<T>(item: T): AsyncGenerator<T> {
  yield item;
}
