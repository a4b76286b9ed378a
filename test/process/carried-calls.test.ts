import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Client, credentials, Server, ServerCredentials, status } from "@grpc/grpc-js";
import { afterEach, describe, expect, test, vi } from "vitest";
import { makeToken } from "../../coordinator/access/tokens.ts";
import { addTokenLine } from "../../coordinator/access/tokens-file.ts";
import { startServer } from "../../coordinator/grpc/server.ts";
import { deferred, NEVER } from "../../shared/core/abort.ts";
import { silentLogger } from "../../shared/core/log.ts";
import { authorization } from "../../shared/wire/authorization.ts";
import { connectCoordinator } from "../../shared/wire/client.ts";
import { serviceDefinition } from "../../shared/wire/load-protos.ts";
import { workMethods } from "../../shared/wire/methods-work.ts";
import type { LeaseAnswer } from "../../shared/wire/services.ts";
import { serveUnary } from "../../shared/wire/unary.ts";
import { TEST_CREDENTIAL, TEST_GUARD } from "../support/access.ts";
import { fakeServices } from "../support/fake-services.ts";
import * as any from "../support/wire-arbitraries.ts";
import { failureOf, sample, until, wireRig } from "../support/wire-rig.ts";

const session = sample(any.session);
const noLease: LeaseAnswer = { kind: "noLease", retryMs: 1 };

afterEach(() => void vi.restoreAllMocks());

/** Counts the streams of HTTP/2 that clients open. */
function countedStreams() {
  const carrying = vi.spyOn(Client.prototype, "makeBidiStreamRequest");
  const alone = vi.spyOn(Client.prototype, "makeUnaryRequest");
  return { carrying: () => carrying.mock.calls.length, alone: () => alone.mock.calls.length };
}

function servicesOfWork() {
  const services = fakeServices();
  services.work.requestLease.mockResolvedValue(noLease);
  services.work.heartbeat.mockResolvedValue([]);
  services.work.offerPartial.mockResolvedValue({ kind: "committed" });
  return services;
}

describe("the stream of calls", () => {
  test("a thousand leases and offers of a worker take one stream", async () => {
    const streams = countedStreams();
    await using rig = await wireRig(servicesOfWork());
    const { work } = rig.client;
    for (let shard = 0; shard < 1_000; shard += 1) {
      expect(await work.requestLease(session, 0, [], NEVER)).toEqual(noLease);
      expect(await work.offerPartial(session, sample(any.jobId), sample(any.partial))).toEqual({
        kind: "committed",
      });
    }
    expect([streams.carrying(), streams.alone()]).toEqual([1, 0]);
  });

  test("a heartbeat is answered while a lease request waits", async () => {
    const services = servicesOfWork();
    const gate = deferred<LeaseAnswer>();
    services.work.requestLease.mockReturnValue(gate.promise);
    await using rig = await wireRig(services);
    const waiting = rig.client.work.requestLease(session, 60_000, [], NEVER);
    const beat = { session, leases: [], busy: {}, padding: null, stores: [] };
    expect(await rig.client.work.heartbeat(beat, NEVER)).toEqual([]);
    gate.resolve(noLease);
    expect(await waiting).toEqual(noLease);
  });

  test("a call without a response in time fails, and is cancelled at the coordinator", async () => {
    const services = servicesOfWork();
    const cancelled = deferred<void>();
    services.work.requestLease.mockImplementation((_session, _waitMs, _running, signal) => {
      signal.addEventListener("abort", () => cancelled.resolve());
      return new Promise(() => {});
    });
    await using rig = await wireRig(services, { controlMs: 50 });
    const failed = await failureOf(rig.client.work.requestLease(session, 0, [], NEVER));
    expect(failed).toMatchObject({ code: "DEADLINE_EXCEEDED" });
    await cancelled.promise;
  });

  test("the end of the connection cancels all open calls at the coordinator", async () => {
    const services = servicesOfWork();
    let cancelled = 0;
    let open = 0;
    services.work.requestLease.mockImplementation((_session, _waitMs, _running, signal) => {
      open += 1;
      return new Promise((_resolve, reject) => {
        signal.addEventListener("abort", () => {
          cancelled += 1;
          reject(signal.reason);
        });
      });
    });
    await using rig = await wireRig(services);
    const asked = [1, 2, 3].map(() => failureOf(rig.client.work.requestLease(session, 60_000, [], NEVER)));
    await until(() => open === 3);
    rig.client.close();
    for (const failure of await Promise.all(asked)) expect(failure).toMatchObject({ code: "INTERRUPTED" });
    await until(() => cancelled === 3);
  });

  test("a coordinator that stops does not wait for idle streams, and the next call opens another", async () => {
    const streams = countedStreams();
    const rig = await wireRig(servicesOfWork());
    await rig.client.work.requestLease(session, 0, [], NEVER);
    await rig.server.close(3_600_000);
    const options = { listen: rig.server.address, guard: TEST_GUARD, log: silentLogger };
    const server = await startServer({ ...options, services: servicesOfWork() });
    await rig.client.waitReady(20_000);
    expect(await rig.client.work.requestLease(session, 0, [], NEVER)).toEqual(noLease);
    expect(streams.carrying()).toBe(2);
    rig.client.close();
    await server.close(0);
  });

  test("a coordinator without the stream gets each call alone", async () => {
    const streams = countedStreams();
    const { Calls: _calls, ...earlier } = serviceDefinition("WorkService");
    const server = new Server();
    const { requestLease } = servicesOfWork().work;
    const answer = serveUnary(
      workMethods.requestLease,
      () => requestLease(session, 0, [], NEVER),
      () => {},
    );
    server.addService(earlier, { RequestLease: answer });
    const port = await new Promise<number>((resolve, reject) => {
      server.bindAsync("127.0.0.1:0", ServerCredentials.createInsecure(), (error, bound) =>
        error === null ? resolve(bound) : reject(error),
      );
    });
    const client = connectCoordinator(`127.0.0.1:${port}`, TEST_CREDENTIAL);
    for (const _ of [1, 2, 3]) expect(await client.work.requestLease(session, 0, [], NEVER)).toEqual(noLease);
    expect([streams.carrying(), streams.alone()]).toEqual([1, 3]);
    client.close();
    server.forceShutdown();
  });
});

describe("a stream of calls by another client", () => {
  const { path, requestSerialize, responseDeserialize } = workMethods.calls.definition;

  async function answersTo(address: string, calls: readonly object[]): Promise<Record<string, unknown>[]> {
    const client = new Client(address, credentials.createInsecure());
    const metadata = authorization(TEST_CREDENTIAL);
    const stream = client.makeBidiStreamRequest(path, requestSerialize, responseDeserialize, metadata);
    for (const call of calls) stream.write(call);
    stream.end();
    const answers: Record<string, unknown>[] = [];
    for await (const answer of stream) answers.push(answer);
    client.close();
    return answers;
  }

  test("a method that the stream does not carry is refused, and the next call is answered", async () => {
    await using rig = await wireRig(servicesOfWork());
    const { requestSerialize: lease } = workMethods.requestLease.definition;
    const request = lease({ session, waitMs: 0, running: [] });
    const answers = await answersTo(rig.server.address, [
      { call: 1, method: "Leave", request },
      { call: 2, method: "RequestLease", request },
    ]);
    expect(answers).toMatchObject([
      { call: 1, failure: { code: status.INVALID_ARGUMENT } },
      { call: 2, response: expect.any(Buffer) },
    ]);
  });

  test("a stream has at most 128 open calls", async () => {
    const services = servicesOfWork();
    const gate = deferred<LeaseAnswer>();
    services.work.requestLease.mockReturnValue(gate.promise);
    await using rig = await wireRig(services);
    const { requestSerialize: lease } = workMethods.requestLease.definition;
    const request = lease({ session, waitMs: 0, running: [] });
    const calls = Array.from({ length: 130 }, (_, call) => ({ call, method: "RequestLease", request }));
    const answered = answersTo(rig.server.address, calls);
    await until(() => services.work.requestLease.mock.calls.length === 128);
    gate.resolve(noLease);
    const answers = await answered;
    expect(answers.filter(({ failure }) => failure !== undefined)).toMatchObject(
      [128, 129].map((call) => ({ call, failure: { code: status.RESOURCE_EXHAUSTED } })),
    );
    expect(answers).toHaveLength(130);
  });
});

test("a call on an open stream is refused once its token is revoked, and has no effect", async () => {
  const folder = await mkdtemp(join(tmpdir(), "shardmill-carried-"));
  const tokensPath = join(folder, "tokens");
  const { text, line } = makeToken({ name: "a test", role: "work", expiresAt: null }, "2026-11-01T00:00:00Z");
  await addTokenLine(tokensPath, line);
  const services = servicesOfWork();
  const guard = { ...TEST_GUARD, tokensPath };
  const server = await startServer({ listen: "127.0.0.1:0", services, guard, log: silentLogger });
  const client = connectCoordinator(server.address, { path: "/t", secret: text });
  await client.work.requestLease(session, 0, [], NEVER);
  const revokedAt = new Date().toISOString();
  await addTokenLine(tokensPath, { kind: "revoked", id: line.id, revokedAt });
  // Time after which a coordinator has read the file again.
  await new Promise((resolve) => setTimeout(resolve, 1_100));
  const failed = await failureOf(client.work.requestLease(session, 0, [], NEVER));
  expect(failed).toMatchObject({ code: "TOKEN_REFUSED", fields: { path: "/t" } });
  expect(services.work.requestLease).toHaveBeenCalledTimes(1);
  client.close();
  await server.close(0);
  await rm(folder, { recursive: true, force: true });
});
