import { describe, expect, test } from "vitest";
import { workerSession } from "../../shared/domain/worker.ts";
import { fakeServices } from "../support/fake-services.ts";
import { jobDescription, jobSpec } from "../support/job-arbitraries.ts";
import * as any from "../support/wire-arbitraries.ts";
import { collect, sample, wireRig } from "../support/wire-rig.ts";

const session = workerSession("s1");

async function* yieldAll<T>(items: readonly T[]): AsyncGenerator<T> {
  yield* items;
}

describe("every method reaches the service and comes back", () => {
  test("WorkService", async () => {
    const services = fakeServices();
    await using rig = await wireRig(services);
    const { work } = rig.client;
    const signal = expect.any(AbortSignal);

    const registration = sample(any.registration);
    services.work.register.mockResolvedValue(sample(any.registered));
    expect(await work.register(registration)).toEqual(sample(any.registered));
    expect(services.work.register).toHaveBeenCalledWith(registration);

    services.work.describeJob.mockResolvedValue(sample(jobDescription));
    expect(await work.describeJob(session, "j1")).toEqual(sample(jobDescription));
    expect(services.work.describeJob).toHaveBeenCalledWith(session, "j1");

    services.work.requestLease.mockResolvedValue(sample(any.leaseAnswer));
    expect(await work.requestLease(session, 25_000, [])).toEqual(sample(any.leaseAnswer));
    expect(services.work.requestLease).toHaveBeenCalledWith(session, 25_000, [], signal);

    services.work.heartbeat.mockResolvedValue(sample(any.leaseStates));
    expect(await work.heartbeat(sample(any.heartbeat))).toEqual(sample(any.leaseStates));
    expect(services.work.heartbeat).toHaveBeenCalledWith(sample(any.heartbeat));

    services.work.offerPartial.mockResolvedValue(sample(any.offerAnswer));
    expect(await work.offerPartial(session, "j1", sample(any.partial))).toEqual(sample(any.offerAnswer));
    expect(services.work.offerPartial).toHaveBeenCalledWith(session, "j1", sample(any.partial));

    const [lease, error] = [sample(any.leaseRef), sample(any.errorData)];
    await work.failAttempt(session, lease, error);
    expect(services.work.failAttempt).toHaveBeenCalledWith(session, lease, error);
    await work.releaseLease(session, lease);
    expect(services.work.releaseLease).toHaveBeenCalledWith(session, lease);
    await work.leave(session);
    expect(services.work.leave).toHaveBeenCalledWith(session);
  });

  test("DataService", async () => {
    const services = fakeServices();
    await using rig = await wireRig(services);
    const { data } = rig.client;
    const signal = expect.any(AbortSignal);

    services.data.statFile.mockResolvedValue({ bytes: 2 ** 40, mtimeMs: 1234.5 });
    expect(await data.statFile(session, "j1", "/a")).toEqual({ bytes: 2 ** 40, mtimeMs: 1234.5 });
    expect(services.data.statFile).toHaveBeenCalledWith(session, "j1", "/a", signal);

    const range = { session, jobId: "j1", path: "/a", start: 3, end: 8 };
    services.data.readRange.mockImplementation(() => yieldAll([Buffer.from("abc"), Buffer.from("de")]));
    expect(Buffer.concat(await collect(data.readRange(range))).toString()).toBe("abcde");
    expect(services.data.readRange).toHaveBeenCalledWith(range, signal);

    const header = { ...sample(any.putHeader), bytes: (3 << 20) + 3 };
    const received: Uint8Array[] = [];
    services.data.putPartialFile.mockImplementation(async (_header, chunks) => {
      received.push(...(await collect(chunks)));
    });
    const large = Buffer.alloc(3 << 20, "x");
    await data.putPartialFile(header, yieldAll([large, Buffer.alloc(0), Buffer.from("end")]));
    expect(services.data.putPartialFile).toHaveBeenCalledWith(header, expect.anything(), signal);
    expect(Buffer.concat(received).equals(Buffer.concat([large, Buffer.from("end")]))).toBe(true);
    expect(Math.max(...received.map((chunk) => chunk.length))).toBeLessThanOrEqual(1 << 20);
  });

  test("JobsService and WorkersService", async () => {
    const services = fakeServices();
    await using rig = await wireRig(services);
    const { jobs, workers } = rig.client;
    const signal = expect.any(AbortSignal);
    const status = sample(any.jobStatus);

    services.jobs.submitJob.mockResolvedValue(status);
    expect(await jobs.submitJob(sample(jobSpec), { fresh: true })).toEqual(status);
    expect(services.jobs.submitJob).toHaveBeenCalledWith(sample(jobSpec), { fresh: true }, signal);

    services.jobs.getJob.mockResolvedValue(status);
    expect(await jobs.getJob("")).toEqual(status);
    expect(services.jobs.getJob).toHaveBeenCalledWith("", signal);

    services.jobs.listJobs.mockResolvedValue([status, status]);
    expect(await jobs.listJobs()).toEqual([status, status]);

    services.jobs.watchJob.mockImplementation(() => yieldAll([status, { ...status, name: "later" }]));
    expect(await collect(jobs.watchJob("j1"))).toEqual([status, { ...status, name: "later" }]);
    expect(services.jobs.watchJob).toHaveBeenCalledWith("j1", signal);

    services.jobs.cancelJob.mockResolvedValue(status);
    expect(await jobs.cancelJob("j1", "enough")).toEqual(status);
    expect(services.jobs.cancelJob).toHaveBeenCalledWith("j1", "enough", signal);

    const list = [sample(any.workerStatus)];
    services.workers.listWorkers.mockResolvedValue(list);
    expect(await workers.listWorkers()).toEqual(list);
  });
});

describe("back-pressure", () => {
  const CHUNK = 512 * 1024;
  const MIB = 1 << 20;

  test("a slow reader of 64 MiB has the server read only a window ahead, not the file", async () => {
    const services = fakeServices();
    await using rig = await wireRig(services);
    let pulled = 0;
    services.data.readRange.mockImplementation(async function* () {
      for (let at = 0; at < 64 * MIB; at += CHUNK) {
        pulled += CHUNK;
        yield Buffer.alloc(CHUNK);
      }
    });
    const range = { session, jobId: "j1", path: "/a", start: 0, end: 64 * MIB };
    let taken = 0;
    for await (const chunk of rig.client.data.readRange(range)) {
      taken += chunk.length;
      if (taken > 4 * CHUNK) continue;
      await settled(() => pulled);
      // The client's window of 4 MiB, the 16 messages that grpc-js reads ahead, and what the sockets hold.
      expect(pulled - taken).toBeLessThan(20 * MIB);
    }
    expect(taken).toBe(64 * MIB);
  });

  test("a slow upload target has the client read only a window ahead", async () => {
    const services = fakeServices();
    await using rig = await wireRig(services);
    let [pulled, taken] = [0, 0];
    services.data.putPartialFile.mockImplementation(async (_header, chunks) => {
      for await (const chunk of chunks) {
        taken += chunk.length;
        if (taken > 2 * CHUNK) continue;
        await settled(() => pulled);
        expect(pulled - taken).toBeLessThan(16 * MIB);
      }
    });
    const source = (async function* () {
      for (let at = 0; at < 48 * MIB; at += CHUNK) {
        pulled += CHUNK;
        yield Buffer.alloc(CHUNK);
      }
    })();
    await rig.client.data.putPartialFile({ ...sample(any.putHeader), bytes: 48 * MIB }, source);
    expect(taken).toBe(48 * MIB);
  });
});

/** Resolves when `value` has stood still for a while. */
async function settled(value: () => number): Promise<void> {
  for (let last = -1, quiet = 0; quiet < 4; ) {
    quiet = value() === last ? quiet + 1 : 0;
    last = value();
    await new Promise((resolve) => setTimeout(resolve, 25));
  }
}
