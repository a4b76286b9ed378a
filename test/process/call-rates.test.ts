import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Client, credentials, type Metadata, type ServiceError } from "@grpc/grpc-js";
import { afterEach, beforeEach, expect, test } from "vitest";
import { CallRates } from "../../coordinator/access/call-rates.ts";
import { makeToken } from "../../coordinator/access/tokens.ts";
import { addTokenLine } from "../../coordinator/access/tokens-file.ts";
import { startServer } from "../../coordinator/grpc/server.ts";
import { serveHttp } from "../../coordinator/http/http-server.ts";
import { NEVER } from "../../shared/core/abort.ts";
import { toShardmillError } from "../../shared/core/errors.ts";
import { silentLogger } from "../../shared/core/log.ts";
import { LOCAL } from "../../shared/serving/listening.ts";
import { authorization } from "../../shared/wire/authorization.ts";
import { connectCoordinator } from "../../shared/wire/client.ts";
import { TEST_CREDENTIAL, TEST_GUARD } from "../support/access.ts";
import { fakeServices } from "../support/fake-services.ts";
import { aJobId } from "../support/ids.ts";
import { until } from "../support/job-processes.ts";
import * as any from "../support/wire-arbitraries.ts";
import { failureOf, sample } from "../support/wire-rig.ts";

/** A caller without pauses. The clock stands still, so that its budget does not recover. */

const AT_ONCE = 200;

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "shardmill-call-rates-"));
});
afterEach(() => rm(folder, { recursive: true, force: true }));

function codeOf(error: unknown): string {
  return toShardmillError(error).code;
}

async function aToken(): Promise<string> {
  const { text, line } = makeToken({ name: "a", role: "submit", expiresAt: null }, new Date().toISOString());
  await addTokenLine(join(folder, "tokens"), line);
  return text;
}

test("gRPC refuses a caller above its rate before any work, with a retry time, and answers other callers", async () => {
  const [wild, other] = [await aToken(), await aToken()];
  const services = fakeServices();
  services.jobs.pauseJob.mockResolvedValue(sample(any.jobStatus));
  const guard = { ...TEST_GUARD, tokensPath: join(folder, "tokens") };
  const rates = new CallRates(() => 0);
  const server = await startServer({ listen: "127.0.0.1:0", services, guard, rates, log: silentLogger });
  const clients = [wild, other].map((secret) => connectCoordinator(server.address, { path: "/t", secret }));
  const [first, second] = clients;
  await Promise.all(Array.from({ length: AT_ONCE }, () => first?.jobs.pauseJob(aJobId("a"), NEVER)));
  services.jobs.pauseJob.mockClear();
  expect(await failureOf(first?.jobs.pauseJob(aJobId("a"), NEVER) ?? Promise.resolve())).toMatchObject({
    code: "RESOURCE_EXHAUSTED",
    fields: { retryMs: 50 },
    message: expect.stringMatching(/^token [0-9a-f]{8} \(a\) calls too often/),
  });
  expect(services.jobs.pauseJob).not.toHaveBeenCalled();
  // Another connection of the same caller, with the answer that other programs receive.
  const raw = new Client(server.address, credentials.createInsecure());
  const asIs = (bytes: Buffer) => bytes;
  const refused = await new Promise<ServiceError | null>((resolve) =>
    raw.makeUnaryRequest(
      "/shardmill.v1.JobsService/PauseJob",
      asIs,
      asIs,
      Buffer.alloc(0),
      authorization({ path: "/t", secret: wild }) as Metadata,
      (error) => resolve(error),
    ),
  );
  expect(refused?.code).toBe(8);
  expect(refused?.metadata.get("grpc-retry-pushback-ms")).toEqual(["50"]);
  expect(services.jobs.pauseJob).not.toHaveBeenCalled();
  expect(await second?.jobs.pauseJob(aJobId("a"), NEVER)).toBeDefined();
  const owner = connectCoordinator(server.address, TEST_CREDENTIAL);
  expect(await owner.jobs.pauseJob(aJobId("a"), NEVER)).toBeDefined();
  expect(rates.refused).toEqual({ work: 0, submit: 2, read: 0, anyone: 0 });
  for (const each of [raw, owner, ...clients]) each.close();
  await server.close(0);
});

test("a caller has at most 128 open calls over all connections, and each ended call frees its place", async () => {
  const [wild, other] = [await aToken(), await aToken()];
  const services = fakeServices();
  const status = sample(any.jobStatus);
  const over: (() => void)[] = [];
  services.jobs.watchJob.mockImplementation(async function* (_jobId, signal) {
    yield status;
    await new Promise<void>((resolve) => {
      over.push(resolve);
      signal?.addEventListener("abort", () => resolve());
    });
  });
  const guard = { ...TEST_GUARD, tokensPath: join(folder, "tokens") };
  const rates = new CallRates(() => 0);
  const server = await startServer({ listen: "127.0.0.1:0", services, guard, rates, log: silentLogger });
  const connectAs = (secret: string) => connectCoordinator(server.address, { path: "/t", secret });
  const clients = [wild, wild, wild, other].map(connectAs);
  const [first, second, third, stranger] = clients;
  const watch = async (client: typeof first) => {
    const statuses = client?.jobs.watchJob(aJobId("a"), NEVER)[Symbol.asyncIterator]();
    await statuses?.next();
    return statuses;
  };
  const ofFirst = await Promise.all(Array.from({ length: 64 }, () => watch(first)));
  await Promise.all(Array.from({ length: 64 }, () => watch(second)));
  expect(await failureOf(watch(third))).toMatchObject({
    code: "RESOURCE_EXHAUSTED",
    message: expect.stringMatching(
      /^token [0-9a-f]{8} \(a\) has too many calls open: the limit is 128 at once/,
    ),
  });
  // One call ends, one is abandoned, and those of a closed connection end with it.
  over[0]?.();
  await ofFirst[1]?.return?.();
  second?.close();
  const opened = async () => (await watch(third).catch(() => null)) !== null;
  for (let place = 0; place < 66; place += 1)
    await until("a free place", async () => ((await opened()) ? true : null));
  expect(await opened()).toBe(false);
  expect(await watch(stranger)).toBeDefined();
  for (const each of clients) each.close();
  await server.close(0);
});

test("messages above a caller's byte budget are refused by gRPC and never reach the service", async () => {
  const wild = await aToken();
  const services = fakeServices();
  const guard = { ...TEST_GUARD, tokensPath: join(folder, "tokens") };
  const rates = new CallRates(() => 0);
  const server = await startServer({ listen: "127.0.0.1:0", services, guard, rates, log: silentLogger });
  const client = connectCoordinator(server.address, { path: "/t", secret: wild });
  services.jobs.cancelJob.mockResolvedValue(sample(any.jobStatus));
  const send = () => client.jobs.cancelJob(aJobId("a"), "x".repeat(4_000), NEVER).then(() => "done", codeOf);
  const codes: string[] = [];
  // Almost the whole budget is already used.
  const identity = { name: `token ${wild.slice(4, 12)} (a)`, token: null };
  rates.message(identity, "submit", { peer: "a:1", bytes: (64 << 20) - 10_000 });
  for (let message = 0; message < 4; message += 1) codes.push(await send());
  expect(codes).toEqual(["done", "done", "RESOURCE_EXHAUSTED", "RESOURCE_EXHAUSTED"]);
  expect(services.jobs.cancelJob).toHaveBeenCalledTimes(2);
  client.close();
  await server.close(0);
});

test("HTTP refuses a caller above its rate with status 429 and a Retry-After header", async () => {
  const [wild, other] = [await aToken(), await aToken()];
  let done = 0;
  const server = await serveHttp({
    listen: "127.0.0.1:0",
    guard: { ...TEST_GUARD, tokensPath: join(folder, "tokens") },
    rates: new CallRates(() => 0),
    listening: LOCAL,
    routes: [
      {
        method: "POST",
        path: "/change",
        callers: "submit",
        handle() {
          done += 1;
          return new Response(null, { status: 204 });
        },
      },
    ],
    report: () => {},
    log: silentLogger,
  });
  const ask = (token: string) =>
    fetch(`${server.url}/change`, { method: "POST", headers: { authorization: `Bearer ${token}` } });
  for (let call = 0; call < AT_ONCE; call += 1) expect((await ask(wild)).status).toBe(204);
  const refused = await ask(wild);
  expect([refused.status, refused.headers.get("retry-after")]).toEqual([429, "1"]);
  expect(await refused.json()).toMatchObject({
    error: { code: "RESOURCE_EXHAUSTED", fields: { retryMs: 50 } },
  });
  expect(done).toBe(AT_ONCE);
  expect((await ask(other)).status).toBe(204);
  await server.close(0);
});
