import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test, vi } from "vitest";
import { grantOf, makeToken } from "../../coordinator/access/tokens.ts";
import { addTokenLine } from "../../coordinator/access/tokens-file.ts";
import { type RunningServer, startServer } from "../../coordinator/grpc/server.ts";
import type { Role } from "../../shared/access/roles.ts";
import type { CertificateFiles } from "../../shared/access/tls-files.ts";
import { NEVER } from "../../shared/core/abort.ts";
import { silentLogger } from "../../shared/core/log.ts";
import { connectCoordinator } from "../../shared/wire/client.ts";
import { TEST_CREDENTIAL, TEST_GUARD } from "../support/access.ts";
import { TestCa } from "../support/certificates.ts";
import { type FakeServices, fakeServices } from "../support/fake-services.ts";
import { failureOf } from "../support/wire-rig.ts";

/** Identities by the names of a client certificate. */

let folder: string;
let ca: TestCa;
let other: TestCa;
let good: CertificateFiles;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "shardmill-tls-names-"));
  ca = await TestCa.make(folder);
  other = await TestCa.make(folder, "other");
  good = await ca.sign({ name: "server" });
});

afterAll(async () => {
  await rm(folder, { recursive: true, force: true });
});

interface Rig extends AsyncDisposable {
  readonly services: FakeServices;
  readonly server: RunningServer;
}

async function start(clientCa: string | null, tokensPath: string): Promise<Rig> {
  const services = fakeServices();
  services.jobs.listJobs.mockResolvedValue([]);
  const listening = { tls: { own: good, clientCa }, insecure: false };
  const guard = { ...TEST_GUARD, tokensPath };
  const server = await startServer({ listen: "127.0.0.1:0", services, listening, guard, log: silentLogger });
  return { services, server, [Symbol.asyncDispose]: () => server.close(0) };
}

describe("a client certificate with a granted name", () => {
  const grant = async (path: string, certificate: string, role: Role) => {
    const line = grantOf(certificate, { name: "nodes", role, expiresAt: null }, new Date().toISOString());
    await addTokenLine(path, line);
    return line.id;
  };
  const askWith = (rig: Rig, own: CertificateFiles | null, secret: string | null = null) => {
    const client = connectCoordinator(rig.server.address, {
      path: "/none",
      secret,
      tls: { ca: ca.path, own },
    });
    return client.jobs.listJobs(NEVER).finally(() => client.close());
  };

  test("authorizes a client with its role, without a secret, until it is revoked", async () => {
    const tokens = join(folder, "tokens-names");
    const reads = await grant(tokens, "DNS:*.read.example", "read");
    const works = await grant(tokens, "CN:works", "work");
    await using rig = await start(ca.path, tokens);
    const reader = await ca.sign({ name: "reads", host: "a.read.example" });
    const worker = await ca.sign({ name: "works", host: "works.example" });
    const nobody = await ca.sign({ name: "nobody", host: "a.b.read.example" });
    expect(await askWith(rig, reader)).toEqual([]);
    // A client may send another coordinator's secret without intent. A token is sent on purpose.
    expect(await askWith(rig, reader, TEST_CREDENTIAL.secret?.replace("a", "b"))).toEqual([]);
    rig.services.jobs.listJobs.mockClear();
    expect(await failureOf(askWith(rig, worker))).toMatchObject({
      code: "ROLE_REFUSED",
      message: `certificate ${works} (nodes) has the role work, and ListJobs requires the role read`,
    });
    expect(await failureOf(askWith(rig, nobody))).toMatchObject({ code: "SECRET_REFUSED" });
    const unknown = makeToken({ name: "a", role: "read", expiresAt: null }, "2026-11-01T00:00:00Z").text;
    expect(await failureOf(askWith(rig, reader, unknown))).toMatchObject({ code: "TOKEN_REFUSED" });
    await addTokenLine(tokens, { kind: "revoked", id: reads, revokedAt: new Date().toISOString() });
    await vi.waitFor(
      async () => expect(await failureOf(askWith(rig, reader))).toMatchObject({ code: "TOKEN_REFUSED" }),
      { timeout: 30_000, interval: 200 },
    );
    rig.services.jobs.listJobs.mockClear();
    expect(await failureOf(askWith(rig, reader))).toMatchObject({
      message: expect.stringContaining(`certificate ${reads} (nodes) was revoked at`),
    });
    expect(rig.services.jobs.listJobs).not.toHaveBeenCalled();
  }, 60_000);

  test("is refused when the server has no client CA, or when another CA signed it", async () => {
    const tokens = join(folder, "tokens-unasked");
    await grant(tokens, "DNS:a.read.example", "read");
    const [reader, forged] = [
      await ca.sign({ name: "asked", host: "a.read.example" }),
      await other.sign({ name: "forged", host: "a.read.example" }),
    ];
    await using open = await start(null, tokens);
    expect(await failureOf(askWith(open, reader))).toMatchObject({ code: "SECRET_REFUSED" });
    await using mutual = await start(ca.path, tokens);
    expect(await failureOf(askWith(mutual, forged))).toMatchObject({ code: "CERTIFICATE_REFUSED" });
    for (const { services } of [open, mutual]) expect(services.jobs.listJobs).not.toHaveBeenCalled();
  });
});
