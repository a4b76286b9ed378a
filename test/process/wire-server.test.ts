import { once } from "node:events";
import { connect, createServer, type Server, type Socket } from "node:net";
import { Client, credentials } from "@grpc/grpc-js";
import { service as healthService } from "grpc-health-check";
import { describe, expect, test } from "vitest";
import { startServer } from "../../coordinator/grpc/server.ts";
import { TcpProxy } from "../../fault/tcp-proxy.ts";
import { NEVER } from "../../shared/core/abort.ts";
import { ShardmillError } from "../../shared/core/errors.ts";
import { silentLogger } from "../../shared/core/log.ts";
import type { JobSpec } from "../../shared/domain/job-spec.ts";
import { authorization } from "../../shared/wire/authorization.ts";
import { connectCoordinator } from "../../shared/wire/client.ts";
import { MAX_REQUEST_BYTES } from "../../shared/wire/services.ts";
import { TEST_CREDENTIAL, TEST_GUARD } from "../support/access.ts";
import { fakeServices } from "../support/fake-services.ts";
import { aJobId } from "../support/ids.ts";
import { jobSpec } from "../support/job-arbitraries.ts";
import * as any from "../support/wire-arbitraries.ts";
import { failureOf, sample, until, wireRig } from "../support/wire-rig.ts";

const ANYWHERE = { tls: null, insecure: true };

const listening = (listen: string) =>
  startServer({
    listen,
    services: fakeServices(),
    guard: TEST_GUARD,
    listening: ANYWHERE,
    log: silentLogger,
  });

function portOf(server: Server): number {
  const address = server.address();
  if (address === null || typeof address === "string") throw new Error("the server does not listen");
  return address.port;
}

describe("a server that listens", () => {
  test("takes a free port for port 0 and reports it", async () => {
    const server = await listening("127.0.0.1:0");
    expect(server.address).toMatch(/^127\.0\.0\.1:[1-9]\d+$/);
    await server.close(0);
  });

  test("fails with PORT_IN_USE on a used port, with the port and a hint", async () => {
    const taken = createServer().listen(0, "127.0.0.1");
    await once(taken, "listening");
    const port = portOf(taken);
    expect(await failureOf(listening(`127.0.0.1:${port}`))).toMatchObject({
      code: "PORT_IN_USE",
      message: expect.stringContaining(String(port)),
      hint: expect.stringContaining("another port"),
    });
    taken.close();
    await once(taken, "close");
  });

  test.each([
    ["nonsense", "`nonsense` is not an address"],
    ["192.0.2.1:0", "192.0.2.1:0 is not an address of this machine"],
    ["no-such-host.invalid:0", "no-such-host.invalid:0 is not an address of this machine"],
  ])("refuses %s as an invalid argument", async (listen, message) => {
    expect(await failureOf(listening(listen))).toMatchObject({ code: "ARGUMENT_INVALID", message });
  });
});

describe("a client without a server", () => {
  test("reports the address, the reason and a hint", async () => {
    const server = await listening("127.0.0.1:0");
    await server.close(0);
    const client = connectCoordinator(server.address, TEST_CREDENTIAL);
    const expected = {
      code: "COORDINATOR_UNREACHABLE",
      message: expect.stringMatching(/^no coordinator at 127\.0\.0\.1:\d+: connect ECONNREFUSED/),
      hint: expect.stringContaining("shardmill coordinator"),
    };
    expect(await failureOf(client.jobs.listJobs(NEVER))).toMatchObject(expected);
    expect(await failureOf(client.waitReady(300))).toMatchObject(expected);
    client.close();
  });

  test("connects to a server that starts later", async () => {
    const first = await listening("127.0.0.1:0");
    await first.close(0);
    const client = connectCoordinator(first.address, TEST_CREDENTIAL);
    const ready = client.waitReady(20_000);
    await failureOf(client.jobs.listJobs(NEVER));
    const services = fakeServices();
    services.jobs.listJobs.mockResolvedValue([]);
    const second = await startServer({
      listen: first.address,
      services,
      guard: TEST_GUARD,
      log: silentLogger,
    });
    await ready;
    expect(await client.jobs.listJobs(NEVER)).toEqual([]);
    client.close();
    await second.close(100);
  });
});

test("a client gives up a connection that is accepted but never answered, and uses the next one", async () => {
  const taken: Socket[] = [];
  const mute = createServer((socket) => {
    taken.push(socket.on("error", () => {}));
  }).listen(0, "127.0.0.1");
  await once(mute, "listening");
  const services = fakeServices();
  services.jobs.listJobs.mockResolvedValue([]);
  await using rig = await wireRig(services);
  await using proxy = await TcpProxy.open(portOf(mute));
  const client = connectCoordinator(proxy.address, TEST_CREDENTIAL, { connectMs: 500 });
  const ready = client.waitReady(120_000);
  // More than the first connection, because a new one may hang as well.
  await until(() => taken.length >= 2);
  proxy.leadTo(Number(rig.server.address.split(":")[1]));
  await ready;
  expect(await client.jobs.listJobs(NEVER)).toEqual([]);
  client.close();
  for (const socket of taken) socket.destroy();
  mute.close();
});

describe("health", () => {
  const names = [
    "shardmill.v1.DataService",
    "shardmill.v1.JobsService",
    "shardmill.v1.ServerService",
    "shardmill.v1.WorkService",
    "shardmill.v1.WorkersService",
  ];

  test("follows setServing, for the server and for each service", async () => {
    await using rig = await wireRig(fakeServices());
    const client = new Client(rig.server.address, credentials.createInsecure());
    for (const [serving, status] of [
      [true, "SERVING"],
      [false, "NOT_SERVING"],
      [true, "SERVING"],
    ] as const) {
      rig.server.setServing(serving);
      for (const service of ["", ...names]) expect(await checkHealth(client, service)).toEqual({ status });
    }
    client.close();
  });
});

describe("invalid input from the network", () => {
  test("garbage bytes, an HTTP/1 request and half a preface do not affect other callers", async () => {
    const services = fakeServices();
    services.jobs.listJobs.mockResolvedValue([]);
    await using rig = await wireRig(services);
    const [host = "", port = ""] = rig.server.address.split(":");
    const garbage = Buffer.alloc(100_000, 0xa5);
    for (const bytes of [garbage, Buffer.from("GET / HTTP/1.1\r\n\r\n"), Buffer.from("PRI * HTTP/2.0\r\n")]) {
      const socket = connect(Number(port), host);
      socket.on("error", () => {});
      await once(socket, "connect");
      socket.write(bytes);
      expect(await rig.client.jobs.listJobs(NEVER)).toEqual([]);
      socket.destroy();
    }
    expect(await rig.client.jobs.listJobs(NEVER)).toEqual([]);
  });

  test("a call with an invalid message or more than 4 MiB fails without affecting other calls", async () => {
    const services = fakeServices();
    services.jobs.listJobs.mockResolvedValue([]);
    await using rig = await wireRig(services);
    const client = new Client(rig.server.address, credentials.createInsecure());
    const send = (bytes: Buffer) =>
      new Promise((resolve) => {
        const asIs = (buffer: Buffer) => buffer;
        const path = "/shardmill.v1.JobsService/SubmitJob";
        client.makeUnaryRequest(path, asIs, asIs, bytes, authorization(TEST_CREDENTIAL), (error) =>
          resolve(error?.code),
        );
      });
    expect(await send(Buffer.from([0x0a, 0xff, 0xff]))).toBe(13);
    expect(await send(Buffer.alloc(5 << 20))).toBe(8);
    expect(await rig.client.jobs.listJobs(NEVER)).toEqual([]);
    expect(services.jobs.submitJob).not.toHaveBeenCalled();
    client.close();
  });
});

test("a job that is too large for a message is not sent, and the error has a hint", async () => {
  const services = fakeServices();
  services.jobs.submitJob.mockResolvedValue(sample(any.submittedJob));
  await using rig = await wireRig(services);
  const aJob = (bytes: number): JobSpec => {
    const parts = Array.from({ length: 20 }, (_, at) => [`r${at}`, { final: "x".repeat(bytes / 20) }]);
    return { ...sample(jobSpec), reduce: Object.fromEntries(parts) };
  };
  await rig.client.jobs.submitJob(aJob(4_100_000), { fresh: false }, NEVER);
  expect(services.jobs.submitJob).toHaveBeenCalledOnce();
  for (const bytes of [MAX_REQUEST_BYTES - 1_000, 10_000_000]) {
    const error = await failureOf(rig.client.jobs.submitJob(aJob(bytes), { fresh: false }, NEVER));
    expect(error).toMatchObject({ code: "SPEC_INVALID", hint: expect.stringContaining("shardmill run") });
  }
  expect(services.jobs.submitJob).toHaveBeenCalledOnce();
});

describe("closing a server", () => {
  test("ends an open watch with COORDINATOR_UNREACHABLE after the grace period", async () => {
    const services = fakeServices();
    const rig = await wireRig(services);
    let [requested, aborted] = [false, false];
    services.jobs.watchJob.mockImplementation(async function* (_jobId, signal) {
      requested = true;
      await new Promise<void>((resolve) => {
        signal?.addEventListener("abort", () => {
          aborted = true;
          resolve();
        });
      });
      yield* [];
    });
    const watched = failureOf(
      (async () => {
        for await (const _status of rig.client.jobs.watchJob(aJobId(""), NEVER))
          throw new Error("no status was sent");
      })(),
    );
    await until(() => requested);
    const startMs = performance.now();
    await rig.server.close(150);
    expect(performance.now() - startMs).toBeGreaterThan(140);
    // By the close, before either end detects the silence of its peer.
    expect(aborted).toBe(true);
    expect(await watched).toMatchObject({ code: "COORDINATOR_UNREACHABLE" });
    expect(performance.now() - startMs).toBeLessThan(15_000);
    rig.client.close();
  });

  test("lets an open call finish within the grace period", async () => {
    const services = fakeServices();
    const rig = await wireRig(services);
    let finish = () => {};
    services.jobs.cancelJob.mockImplementation(
      () =>
        new Promise((_resolve, reject) => {
          finish = () => reject(new ShardmillError("CANCEL_TOO_LATE", "publishing"));
        }),
    );
    const answer = failureOf(rig.client.jobs.cancelJob(aJobId(""), "why", NEVER));
    await until(() => services.jobs.cancelJob.mock.calls.length === 1);
    const closed = rig.server.close(5_000);
    finish();
    expect(await answer).toMatchObject({ code: "CANCEL_TOO_LATE" });
    rig.client.close();
    await closed;
  });

  test("leaves no socket and no listener", async () => {
    const services = fakeServices();
    services.jobs.listJobs.mockResolvedValue([]);
    services.data.statFile.mockRejectedValue(new ShardmillError("STORE_REFUSED", "no"));
    for (let i = 0; i < 3; i += 1) {
      await using rig = await wireRig(services);
      await rig.client.jobs.listJobs(NEVER);
      await failureOf(rig.client.data.statFile("s" as never, aJobId("j"), "/a", NEVER));
    }
    const sockets = () => process.getActiveResourcesInfo().filter((kind) => /^TCP/.test(kind));
    await until(() => sockets().length === 0);
  });
});

function checkHealth(client: Client, service: string): Promise<unknown> {
  const check = healthService.Check;
  if (check === undefined) throw new Error("no health check");
  return new Promise((resolve, reject) => {
    client.makeUnaryRequest(
      check.path,
      check.requestSerialize,
      check.responseDeserialize,
      { service },
      (error, response) => (error === null ? resolve(response) : reject(error)),
    );
  });
}
