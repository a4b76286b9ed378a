import { randomBytes } from "node:crypto";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Client, credentials, Metadata, type ServiceError, status } from "@grpc/grpc-js";
import protobuf from "protobufjs";
import { afterEach, beforeEach, describe, expect, type Mock, test } from "vitest";
import { METHOD_CALLERS, type Role } from "../../coordinator/access/method-callers.ts";
import { makeToken } from "../../coordinator/access/tokens.ts";
import { addTokenLine } from "../../coordinator/access/tokens-file.ts";
import { type RunningServer, startServer } from "../../coordinator/grpc/server.ts";
import { tokenCredential } from "../../shared/access/token.ts";
import { deferred } from "../../shared/core/abort.ts";
import { silentLogger } from "../../shared/core/log.ts";
import { packageRoot } from "../../shared/core/package-root.ts";
import { connectCoordinator } from "../../shared/wire/client.ts";
import { TEST_CREDENTIAL, TEST_GUARD } from "../support/access.ts";
import { type FakeServices, fakeServices } from "../support/fake-services.ts";
import { compiledRegistry } from "../support/reflection-client.ts";
import * as any from "../support/wire-arbitraries.ts";
import { failureOf, sample, until, wireRig } from "../support/wire-rig.ts";

const SECRET = TEST_GUARD.secret;

/** Every method of every service that a server registers, by what a compiler says of them. */
async function methodPaths(): Promise<string[]> {
  const registry = await compiledRegistry();
  return [...registry].flatMap((type) =>
    type.kind === "service" ? type.methods.map(({ name }) => `/${type.typeName}/${name}`) : [],
  );
}

/** What a call with these headers and garbage for its message ends with. */
function statusOf(client: Client, path: string, headers: Record<string, string[]>): Promise<ServiceError> {
  const metadata = new Metadata();
  for (const [name, values] of Object.entries(headers)) for (const value of values) metadata.add(name, value);
  const asIs = (bytes: Buffer) => bytes;
  return new Promise((resolve, reject) => {
    const call = client.makeBidiStreamRequest<Buffer, Buffer>(path, asIs, asIs, metadata);
    call.on("data", () => {});
    call.on("end", () => reject(new Error(`${path} answered`)));
    call.on("error", (error) => resolve(error as ServiceError));
    call.write(randomBytes(64));
  });
}

function callsOf(services: FakeServices): number {
  const answers = Object.values(services).flatMap((service) => Object.values(service) as Mock[]);
  return answers.reduce((calls, { mock }) => calls + mock.calls.length, 0);
}

/** Those that the server of Arrow Flight registers, which has a port of its own. */
async function flightPaths(): Promise<string[]> {
  const root = await new protobuf.Root().load(join(packageRoot, "proto", "arrow", "flight", "Flight.proto"));
  const service = root.lookupService("arrow.flight.protocol.FlightService");
  return service.methodsArray.map(({ name }) => `/arrow.flight.protocol.FlightService/${name}`);
}

test("the table names every method that both servers have, and no other", async () => {
  const paths = [...(await methodPaths()), ...(await flightPaths())];
  expect(Object.keys(METHOD_CALLERS).sort()).toEqual(paths.sort());
});

test("only health answers strangers", () => {
  const open = Object.keys(METHOD_CALLERS).filter((path) => METHOD_CALLERS[path] === "anyone");
  expect(open).toEqual(["Check", "List", "Watch"].map((name) => `/grpc.health.v1.Health/${name}`));
});

describe("a stranger", () => {
  const attempts: [who: string, headers: Record<string, string[]>][] = [
    ["without a secret", {}],
    ["with another secret", { authorization: [`Bearer ${SECRET.replace("a", "b")}`] }],
    ["with the beginning of the secret", { authorization: [`Bearer ${SECRET.slice(0, -1)}`] }],
    ["with more than the secret", { authorization: [`Bearer ${SECRET}x`] }],
    ["with an empty secret", { authorization: ["Bearer "] }],
    ["with another scheme", { authorization: [`Basic ${SECRET}`] }],
    ["with the secret in another header", { cookie: [`Bearer ${SECRET}`] }],
  ];

  test.each(attempts)("%s is refused by every method, before its message is read", async (_who, headers) => {
    const services = fakeServices();
    await using rig = await wireRig(services);
    const client = new Client(rig.server.address, credentials.createInsecure());
    try {
      const closed = (await methodPaths()).filter((path) => METHOD_CALLERS[path] !== "anyone");
      expect(closed.length).toBeGreaterThan(15);
      for (const path of [...closed, "/shardmill.v1.JobsService/NoSuchMethod"]) {
        const refused = await statusOf(client, path, headers);
        // Nothing is served there: no guard is asked either.
        const expected = path.endsWith("NoSuchMethod") ? status.UNIMPLEMENTED : status.UNAUTHENTICATED;
        expect({ path, code: refused.code }).toEqual({ path, code: expected });
        expect(refused.details).not.toContain(SECRET);
      }
    } finally {
      client.close();
    }
    expect(callsOf(services)).toBe(0);
  });

  test("is told which file was read, and what to do", async () => {
    await using rig = await wireRig(fakeServices());
    const path = "/home/u/.config/shardmill/secret";
    for (const [secret, message] of [
      [null, `wants a secret, and there is none in ${path}`],
      ["x".repeat(43), `does not know the secret in ${path}`],
    ] as const) {
      const client = connectCoordinator(rig.server.address, { path, secret });
      const refused = {
        code: "SECRET_REFUSED",
        message: `the coordinator at ${rig.server.address} ${message}`,
        fields: { address: rig.server.address, path },
        hint: expect.stringContaining("--secret-file"),
      };
      expect(await failureOf(client.jobs.listJobs())).toMatchObject(refused);
      const watch = client.jobs.watchJob("")[Symbol.asyncIterator]();
      expect(await failureOf(watch.next())).toMatchObject(refused);
      // It asks health, which answers anyone.
      await client.waitReady(2_000);
      client.close();
    }
  });
});

test("a coordinator with a job of its own takes no others, whoever asks, and answers all else", async () => {
  const services = fakeServices();
  services.jobs.listJobs.mockResolvedValue([]);
  const server = await startServer({
    listen: "127.0.0.1:0",
    services,
    guard: { ...TEST_GUARD, takesJobs: false },
    log: silentLogger,
  });
  const client = connectCoordinator(server.address, TEST_CREDENTIAL);
  const raw = new Client(server.address, credentials.createInsecure());
  try {
    const path = "/shardmill.v1.JobsService/SubmitJob";
    expect(await statusOf(raw, path, { authorization: [`Bearer ${SECRET}`] })).toMatchObject({
      code: status.PERMISSION_DENIED,
      details: expect.stringContaining("SUBMIT_REFUSED"),
    });
    expect(await statusOf(raw, path, {})).toMatchObject({ code: status.UNAUTHENTICATED });
    expect(await failureOf(client.jobs.submitJob({} as never, { fresh: true }))).toMatchObject({
      code: "SUBMIT_REFUSED",
      hint: expect.stringContaining("shardmill coordinator"),
    });
    expect(await client.jobs.listJobs()).toEqual([]);
    expect(services.jobs.submitJob).not.toHaveBeenCalled();
  } finally {
    raw.close();
    client.close();
    await server.close(0);
  }
});

describe("whose token", () => {
  let folder: string;
  let tokensPath: string;

  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), "shardmill-guard-"));
    tokensPath = join(folder, "tokens");
  });

  afterEach(async () => {
    await rm(folder, { recursive: true, force: true });
  });

  async function tokenFor(role: Role): Promise<{ readonly id: string; readonly text: string }> {
    const named = { name: "a test", role, expiresAt: null };
    const { text, line } = makeToken(named, new Date().toISOString());
    await addTokenLine(tokensPath, line);
    return { id: line.id, text };
  }

  async function serve(services: FakeServices): Promise<RunningServer> {
    const guard = { ...TEST_GUARD, tokensPath };
    return await startServer({ listen: "127.0.0.1:0", services, guard, log: silentLogger });
  }

  test("is of another role is told so, before a handler runs", async () => {
    const { text } = await tokenFor("work");
    const services = fakeServices();
    const server = await serve(services);
    const client = connectCoordinator(server.address, { path: "/t", secret: text });
    expect(await failureOf(client.jobs.listJobs())).toMatchObject({
      code: "ROLE_REFUSED",
      fields: { path: "/t", method: "ListJobs" },
    });
    expect(callsOf(services)).toBe(0);
    client.close();
    await server.close(0);
  });

  test("is revoked gets nothing more, not even of a stream that is open, and its handler ends", async () => {
    const { id, text } = await tokenFor("read");
    const services = fakeServices();
    const gate = deferred<void>();
    let isOver = false;
    services.jobs.watchJob.mockImplementation(async function* (_jobId, signal) {
      try {
        yield sample(any.jobStatus);
        await gate.promise;
        yield sample(any.jobStatus);
        await new Promise((resolve) => signal?.addEventListener("abort", resolve));
      } finally {
        isOver = true;
      }
    });
    const server = await serve(services);
    const client = connectCoordinator(server.address, { path: "/t", secret: text });
    const watch = client.jobs.watchJob("")[Symbol.asyncIterator]();
    expect(await watch.next()).toMatchObject({ done: false });
    await addTokenLine(tokensPath, { kind: "revoked", id, revokedAt: new Date().toISOString() });
    // So long a coordinator goes by what it last saw of the file.
    await new Promise((resolve) => setTimeout(resolve, 1_100));
    gate.resolve();
    expect(await failureOf(watch.next())).toMatchObject({
      code: "TOKEN_REFUSED",
      message: expect.stringContaining(`token ${id} (a test) was revoked`),
    });
    await until(() => isOver);
    client.close();
    await server.close(0);
  });

  test("was exchanged in the client's file sends the new one", async () => {
    const [first, second] = [await tokenFor("read"), await tokenFor("read")];
    const services = fakeServices();
    services.jobs.listJobs.mockResolvedValue([]);
    const server = await serve(services);
    const path = join(folder, "token");
    await writeFile(path, first.text, { mode: 0o600 });
    const client = connectCoordinator(server.address, tokenCredential(path));
    expect(await client.jobs.listJobs()).toEqual([]);
    await addTokenLine(tokensPath, { kind: "revoked", id: first.id, revokedAt: new Date().toISOString() });
    await writeFile(path, second.text);
    await new Promise((resolve) => setTimeout(resolve, 1_100));
    expect(await client.jobs.listJobs()).toEqual([]);
    client.close();
    await server.close(0);
  });

  test("cannot be looked up is refused, and is not told where the file is; the secret opens as ever", async () => {
    const { text } = await tokenFor("admin");
    await writeFile(tokensPath, "nonsense");
    const services = fakeServices();
    services.jobs.listJobs.mockResolvedValue([]);
    const server = await serve(services);
    const client = connectCoordinator(server.address, { path: "/t", secret: text });
    const refused = (await failureOf(client.jobs.listJobs())) as Error;
    expect(refused).toMatchObject({ code: "TOKEN_REFUSED" });
    expect(JSON.stringify(refused) + refused.message).not.toContain(tokensPath);
    client.close();
    const owner = connectCoordinator(server.address, TEST_CREDENTIAL);
    expect(await owner.jobs.listJobs()).toEqual([]);
    owner.close();
    await server.close(0);
  });
});
