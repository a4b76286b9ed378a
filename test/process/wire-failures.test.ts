import { Client, credentials, type ServiceError } from "@grpc/grpc-js";
import { describe, expect, test } from "vitest";
import { NEVER } from "../../shared/core/abort.ts";
import { ShardmillError } from "../../shared/core/errors.ts";
import type { JobStatus } from "../../shared/domain/job-status.ts";
import { workerSession } from "../../shared/domain/worker.ts";
import { authorization } from "../../shared/wire/authorization.ts";
import { TEST_CREDENTIAL } from "../support/access.ts";
import { fakeServices } from "../support/fake-services.ts";
import { aJobId } from "../support/ids.ts";
import * as any from "../support/wire-arbitraries.ts";
import { collect, failureOf, sample, until, wireRig } from "../support/wire-rig.ts";

const session = workerSession("s1");

describe("an error over gRPC", () => {
  test("reaches the client from a started stream, and from an upload that is refused before its end", async () => {
    const services = fakeServices();
    await using rig = await wireRig(services);
    const stale = new ShardmillError("SESSION_STALE", "gone", { fields: { shard: 3 } });
    services.data.readRange.mockImplementation(async function* () {
      yield Buffer.from("abc");
      throw stale;
    });
    const range = { session, jobId: aJobId("j1"), path: "/a", start: 0, end: 8 };
    expect(await failureOf(collect(rig.client.data.readRange(range, NEVER)))).toMatchObject({
      code: "SESSION_STALE",
      fields: { shard: 3 },
    });

    let pulled = 0;
    services.data.putPartialFile.mockRejectedValue(new ShardmillError("STORE_REFUSED", "not yours"));
    const endless = (async function* () {
      for (;;) {
        pulled += 1;
        yield Buffer.alloc(1 << 18);
      }
    })();
    expect(
      await failureOf(rig.client.data.putPartialFile(sample(any.putHeader), endless, NEVER)),
    ).toMatchObject({
      code: "STORE_REFUSED",
    });
    expect(pulled).toBeLessThan(200);
  });

  test("has as many problems as a header can hold, and the number of the others", async () => {
    const services = fakeServices();
    await using rig = await wireRig(services);
    const problems = Array.from({ length: 1000 }, (_, i) => ({
      where: `files[${i}]`,
      what: "w".repeat(100),
    }));
    services.jobs.listJobs.mockRejectedValue(
      new ShardmillError("SPEC_INVALID", "m".repeat(500), { problems }),
    );
    const received = await failureOf(rig.client.jobs.listJobs(NEVER));
    expect(received).toMatchObject({ code: "SPEC_INVALID", message: "m".repeat(500) });
    if (!(received instanceof ShardmillError)) throw received;
    const kept = received.problems.length - 1;
    expect(kept).toBeGreaterThan(10);
    expect(received.problems[0]).toEqual(problems[0]);
    expect(received.problems.at(-1)?.what).toContain(`${1000 - kept} more`);
  });

  test("is INTERNAL for an unexpected exception, and neither its stack nor its cause is sent", async () => {
    const services = fakeServices();
    await using rig = await wireRig(services);
    const unexpected = new TypeError("x is not a function", { cause: new Error("the cause") });
    unexpected.stack = "TypeError: x is not a function\n    at the place";
    services.jobs.listJobs.mockRejectedValue(unexpected);
    const received = await failureOf(rig.client.jobs.listJobs(NEVER));
    expect(received).toMatchObject({ code: "INTERNAL", message: "x is not a function", fields: {} });
    const sent = await textOfFailure(rig.server.address, "/shardmill.v1.JobsService/ListJobs");
    expect(sent).toContain("x is not a function");
    expect(sent).not.toMatch(/the place|the cause/);
  });

  test("is ARGUMENT_INVALID for a message that is invalid in the domain, before the service is called", async () => {
    const services = fakeServices();
    await using rig = await wireRig(services);
    const nobody = "" as ReturnType<typeof workerSession>;
    expect(await failureOf(rig.client.work.leave(nobody, null, NEVER))).toMatchObject({
      code: "ARGUMENT_INVALID",
      fields: { place: "LeaveRequest.session" },
    });
    expect(services.work.leave).not.toHaveBeenCalled();
  });
});

describe("deadlines and cancellation", () => {
  test("a call without an answer ends with DEADLINE_EXCEEDED, and the service's signal aborts", async () => {
    const services = fakeServices();
    await using rig = await wireRig(services, { controlMs: 100 });
    let aborted = false;
    services.jobs.listJobs.mockImplementation((signal) => untilAborted(() => (aborted = true), signal));
    expect(await failureOf(rig.client.jobs.listJobs(NEVER))).toMatchObject({
      code: "DEADLINE_EXCEEDED",
      fields: { method: "ListJobs" },
    });
    await until(() => aborted);
  });

  test("an aborted long poll rejects with the signal's reason, and the service's signal aborts", async () => {
    const services = fakeServices();
    await using rig = await wireRig(services);
    let [requested, aborted] = [false, false];
    services.work.requestLease.mockImplementation((_session, _waitMs, _running, signal) => {
      requested = true;
      return untilAborted(() => (aborted = true), signal);
    });
    const caller = new AbortController();
    const answer = failureOf(rig.client.work.requestLease(session, 25_000, [], caller.signal));
    await until(() => requested);
    const reason = new Error("drain");
    caller.abort(reason);
    expect(await answer).toBe(reason);
    await until(() => aborted);
    expect(await failureOf(rig.client.work.requestLease(session, 1, [], caller.signal))).toBe(reason);
    expect(services.work.requestLease).toHaveBeenCalledTimes(1);
  });

  test("a worker that disconnects aborts its long poll on the server", async () => {
    const services = fakeServices();
    await using rig = await wireRig(services);
    let [requested, aborted] = [false, false];
    services.work.requestLease.mockImplementation((_session, _waitMs, _running, signal) => {
      requested = true;
      return untilAborted(() => (aborted = true), signal);
    });
    const answer = failureOf(rig.client.work.requestLease(session, 25_000, [], NEVER));
    await until(() => requested);
    rig.client.close();
    expect(await answer).toMatchObject({ code: "INTERRUPTED" });
    await until(() => aborted);
    expect(await failureOf(rig.client.jobs.listJobs(NEVER))).toMatchObject({ code: "INTERRUPTED" });
  });

  test("stopping or aborting a watch ends the service's stream", async () => {
    const services = fakeServices();
    await using rig = await wireRig(services);
    let ended = 0;
    services.jobs.watchJob.mockImplementation((_jobId, signal) => watchForever(() => (ended += 1), signal));
    for await (const _status of rig.client.jobs.watchJob(aJobId("j1"), NEVER)) break;
    await until(() => ended === 1);

    const caller = new AbortController();
    const reason = new Error("enough");
    const watched = failureOf(
      (async () => {
        for await (const _status of rig.client.jobs.watchJob(aJobId("j1"), caller.signal))
          caller.abort(reason);
      })(),
    );
    expect(await watched).toBe(reason);
    await until(() => ended === 2);
  });

  test("an upload whose source fails is cancelled, and the service gets an error", async () => {
    const services = fakeServices();
    await using rig = await wireRig(services);
    const outcome: unknown[] = [];
    let begun = false;
    services.data.putPartialFile.mockImplementation(async (_header, chunks) => {
      begun = true;
      outcome.push(await failureOf(collect(chunks)));
    });
    const broken = (async function* () {
      yield Buffer.from("abc");
      await until(() => begun);
      throw new ShardmillError("STORE_FAILED", "disk gone");
    })();
    const header = { ...sample(any.putHeader), bytes: 6 };
    expect(await failureOf(rig.client.data.putPartialFile(header, broken, NEVER))).toMatchObject({
      code: "STORE_FAILED",
      message: "disk gone",
    });
    await until(() => outcome.length === 1);
    expect(outcome[0]).toBeInstanceOf(ShardmillError);
  });
});

/** Returns all that a server sends about the failure of a call: its message and every trailer. */
async function textOfFailure(address: string, path: string): Promise<string> {
  const client = new Client(address, credentials.createInsecure());
  const asIs = (bytes: Buffer) => bytes;
  const failure = await new Promise<ServiceError | null>((resolve) =>
    client.makeUnaryRequest(path, asIs, asIs, Buffer.alloc(0), authorization(TEST_CREDENTIAL), resolve),
  );
  client.close();
  if (failure === null) throw new Error(`${path} succeeded`);
  const { details, metadata } = failure;
  const trailers = Object.keys(metadata.getMap()).flatMap((name) => metadata.get(name));
  return [details, ...trailers].map((value) => Buffer.from(value).toString("latin1")).join("\n");
}

function untilAborted(onAbort: () => void, signal: AbortSignal | undefined): Promise<never> {
  return new Promise((_resolve, reject) => {
    signal?.addEventListener("abort", () => {
      onAbort();
      reject(signal.reason);
    });
  });
}

async function* watchForever(onEnd: () => void, signal: AbortSignal | undefined): AsyncGenerator<JobStatus> {
  try {
    yield sample(any.jobStatus);
    await untilAborted(() => {}, signal);
  } finally {
    onEnd();
  }
}
