import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Client, credentials, Metadata } from "@grpc/grpc-js";
import { afterEach, beforeEach, describe, expect, type Mock, test } from "vitest";
import { makeToken } from "../../coordinator/access/tokens.ts";
import { addTokenLine } from "../../coordinator/access/tokens-file.ts";
import { type RunningServer, startServer } from "../../coordinator/grpc/server.ts";
import type { Role } from "../../shared/access/roles.ts";
import { tokenCredential } from "../../shared/access/token.ts";
import { deferred, NEVER } from "../../shared/core/abort.ts";
import { silentLogger } from "../../shared/core/log.ts";
import { connectCoordinator } from "../../shared/wire/client.ts";
import { TEST_CREDENTIAL, TEST_GUARD } from "../support/access.ts";
import { type FakeServices, fakeServices } from "../support/fake-services.ts";
import { aJobId } from "../support/ids.ts";
import { jobSpec } from "../support/job-arbitraries.ts";
import * as any from "../support/wire-arbitraries.ts";
import { failureOf, sample, until } from "../support/wire-rig.ts";

const SECRET = TEST_GUARD.secret;

function callsOf(services: FakeServices): number {
  const answers = Object.values(services).flatMap((service) => Object.values(service) as Mock[]);
  return answers.reduce((calls, { mock }) => calls + mock.calls.length, 0);
}

describe("a token in a gRPC call", () => {
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

  test("is refused with ROLE_REFUSED before a handler runs when it has another role", async () => {
    const { text } = await tokenFor("work");
    const services = fakeServices();
    const server = await serve(services);
    const client = connectCoordinator(server.address, { path: "/t", secret: text });
    expect(await failureOf(client.jobs.listJobs(NEVER))).toMatchObject({
      code: "ROLE_REFUSED",
      fields: { path: "/t", method: "ListJobs" },
    });
    expect(callsOf(services)).toBe(0);
    client.close();
    await server.close(0);
  });

  test("gets nothing more after it is revoked, even on an open stream, whose handler ends", async () => {
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
    const watch = client.jobs.watchJob(aJobId(""), NEVER)[Symbol.asyncIterator]();
    expect(await watch.next()).toMatchObject({ done: false });
    await addTokenLine(tokensPath, { kind: "revoked", id, revokedAt: new Date().toISOString() });
    // Time after which a coordinator has read the file again.
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

  test("is read again by the client when its file has a new token", async () => {
    const [first, second] = [await tokenFor("read"), await tokenFor("read")];
    const services = fakeServices();
    services.jobs.listJobs.mockResolvedValue([]);
    const server = await serve(services);
    const path = join(folder, "token");
    await writeFile(path, first.text, { mode: 0o600 });
    const client = connectCoordinator(server.address, tokenCredential(path));
    expect(await client.jobs.listJobs(NEVER)).toEqual([]);
    await addTokenLine(tokensPath, { kind: "revoked", id: first.id, revokedAt: new Date().toISOString() });
    await writeFile(path, second.text);
    await new Promise((resolve) => setTimeout(resolve, 1_100));
    expect(await client.jobs.listJobs(NEVER)).toEqual([]);
    client.close();
    await server.close(0);
  });

  test("is refused without a path when the token file is invalid, and the secret is still accepted", async () => {
    const { text } = await tokenFor("admin");
    await writeFile(tokensPath, "nonsense");
    const services = fakeServices();
    services.jobs.listJobs.mockResolvedValue([]);
    const server = await serve(services);
    const client = connectCoordinator(server.address, { path: "/t", secret: text });
    const refused = (await failureOf(client.jobs.listJobs(NEVER))) as Error;
    expect(refused).toMatchObject({ code: "TOKEN_REFUSED" });
    expect(JSON.stringify(refused) + refused.message).not.toContain(tokensPath);
    client.close();
    const owner = connectCoordinator(server.address, TEST_CREDENTIAL);
    expect(await owner.jobs.listJobs(NEVER)).toEqual([]);
    owner.close();
    await server.close(0);
  });

  test("is named in the audit log for its calls and refusals, and the log has no secret", async () => {
    const { id, text } = await tokenFor("submit");
    const auditPath = join(folder, "audit");
    const services = fakeServices();
    const job = sample(any.jobStatus);
    services.jobs.submitJob.mockResolvedValue({ job, nothingNew: false, notes: [] });
    services.jobs.cancelJob.mockResolvedValue(job);
    services.work.register.mockResolvedValue(sample(any.registered));
    const guard = { ...TEST_GUARD, tokensPath, auditPath };
    const server = await startServer({ listen: "127.0.0.1:0", services, guard, log: silentLogger });
    const client = connectCoordinator(server.address, { path: "/t", secret: text });
    const owner = connectCoordinator(server.address, TEST_CREDENTIAL);
    await client.jobs.submitJob(sample(jobSpec), { fresh: false }, NEVER);
    await client.jobs.cancelJob(job.jobId, "enough", NEVER);
    const registration = sample(any.registration);
    expect(await failureOf(client.work.register(registration, NEVER))).toMatchObject({
      code: "ROLE_REFUSED",
    });
    await owner.work.register(registration, NEVER);
    // The guard decides the caller's identity, not this header.
    const raw = new Client(server.address, credentials.createInsecure());
    const said = new Metadata();
    said.set("shardmill-caller", "secret");
    const asIs = (bytes: Buffer) => bytes;
    await new Promise((resolve) =>
      raw.makeUnaryRequest("/shardmill.v1.JobsService/CancelJob", asIs, asIs, Buffer.alloc(0), said, resolve),
    );
    for (const one of [raw, client, owner]) one.close();
    await server.close(0);
    const kept = await readFile(auditPath, "utf8");
    const who = `token ${id} (a test)`;
    expect(
      kept
        .trim()
        .split("\n")
        .map((line) => JSON.parse(line) as object),
    ).toMatchObject([
      { event: "submitted", who, job: job.jobId, output: job.output },
      { event: "cancelled", who, job: job.jobId, reason: "enough" },
      { event: "refused", who, method: "/shardmill.v1.WorkService/Register", code: "ROLE_REFUSED" },
      { event: "joined", who: "secret", worker: registration.name, host: registration.hostname },
      {
        event: "refused",
        who: "nobody",
        peer: expect.stringMatching(/^127\.0\.0\.1:\d+$/),
        code: "SECRET_REFUSED",
      },
    ]);
    expect(kept).not.toContain(text.slice(13));
    expect(kept).not.toContain(SECRET);
  });
});
