import { copyFile, mkdtemp, rm, writeFile } from "node:fs/promises";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test, vi } from "vitest";
import { type RunningServer, startServer } from "../../coordinator/grpc/server.ts";
import type { CertificateFiles, ClientTls } from "../../shared/access/tls-files.ts";
import { NEVER } from "../../shared/core/abort.ts";
import { silentLogger } from "../../shared/core/log.ts";
import type { Listening } from "../../shared/serving/listening.ts";
import { type CoordinatorClient, connectCoordinator } from "../../shared/wire/client.ts";
import { TEST_CREDENTIAL, TEST_GUARD } from "../support/access.ts";
import { TestCa } from "../support/certificates.ts";
import { type FakeServices, fakeServices } from "../support/fake-services.ts";
import { failureOf } from "../support/wire-rig.ts";

/** Refusals come before a call's handler, so `listJobs` represents all methods. */

let folder: string;
let ca: TestCa;
let other: TestCa;
let good: CertificateFiles;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "shardmill-tls-"));
  ca = await TestCa.make(folder);
  other = await TestCa.make(folder, "other");
  good = await ca.sign({ name: "server" });
});

afterAll(async () => {
  await rm(folder, { recursive: true, force: true });
});

class Rig implements AsyncDisposable {
  readonly services: FakeServices;
  readonly server: RunningServer;
  readonly #clients: CoordinatorClient[] = [];

  private constructor(services: FakeServices, server: RunningServer) {
    this.services = services;
    this.server = server;
  }

  static async start(own: CertificateFiles | null, clientCa: string | null = null): Promise<Rig> {
    const services = fakeServices();
    services.jobs.listJobs.mockResolvedValue([]);
    const listening: Listening = { tls: own === null ? null : { own, clientCa }, insecure: false };
    const options = { listen: "127.0.0.1:0", services, guard: TEST_GUARD, listening, log: silentLogger };
    return new Rig(services, await startServer(options));
  }

  client(tls?: ClientTls, address = this.server.address): CoordinatorClient {
    const credential = { ...TEST_CREDENTIAL, ...(tls === undefined ? {} : { tls }) };
    const client = connectCoordinator(address, credential);
    this.#clients.push(client);
    return client;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const client of this.#clients) client.close();
    await this.server.close(0);
  }
}

describe("a client that trusts the CA", () => {
  test("can call the coordinator by address and by name", async () => {
    await using rig = await Rig.start(good);
    const port = rig.server.address.split(":").at(-1);
    for (const host of ["127.0.0.1", "localhost"]) {
      const client = rig.client({ ca: ca.path, own: null }, `${host}:${port}`);
      await client.waitReady(5_000);
      expect(await client.jobs.listJobs(NEVER)).toEqual([]);
    }
  });

  test("still needs the secret", async () => {
    await using rig = await Rig.start(good);
    const credential = { path: "/none", secret: null, tls: { ca: ca.path, own: null } };
    const client = connectCoordinator(rig.server.address, credential);
    expect(await failureOf(client.jobs.listJobs(NEVER))).toMatchObject({ code: "SECRET_REFUSED" });
    client.close();
    expect(rig.services.jobs.listJobs).not.toHaveBeenCalled();
  });
});

describe("a TLS connection that fails", () => {
  const cases: [
    what: string,
    server: () => Promise<CertificateFiles | null>,
    ca: () => string | null,
    text: RegExp,
  ][] = [
    ["the client trusts another CA", async () => good, () => other.path, /no CA in .*other\.crt has signed/],
    ["the system does not trust the CA", async () => good, () => null, /no CA that this system trusts/],
    [
      "the certificate is for another name",
      () => ca.sign({ name: "elsewhere", host: "elsewhere.example" }),
      () => ca.path,
      /other names than 127\.0\.0\.1: DNS:elsewhere\.example/,
    ],
    ["the coordinator does not use TLS", async () => null, () => ca.path, /does not speak TLS/],
  ];

  test.each(cases)("makes no call and reports the reason when %s", async (_what, server, trusted, text) => {
    await using rig = await Rig.start(await server());
    const client = rig.client({ ca: trusted(), own: null });
    const refused = {
      code: "CERTIFICATE_REFUSED",
      message: expect.stringMatching(text),
      hint: expect.any(String),
    };
    expect(await failureOf(client.waitReady(2_000))).toMatchObject(refused);
    expect(await failureOf(client.jobs.listJobs(NEVER))).toMatchObject(refused);
    expect(rig.services.jobs.listJobs).not.toHaveBeenCalled();
  });

  test.each([
    ["has expired", { fromDays: -9, toDays: -1 }, /has expired/],
    ["is not valid yet", { fromDays: 1, toDays: 9 }, /is not valid yet/],
  ])(
    "is refused when the certificate %s, and a new server refuses to start with that certificate",
    async (_what, days, text) => {
      const own = await ca.sign({ name: "aging" });
      await using rig = await Rig.start(own);
      await ca.sign({ name: "aging", ...days });
      const client = rig.client({ ca: ca.path, own: null });
      const refused = { code: "CERTIFICATE_REFUSED", message: expect.stringMatching(text) };
      expect(await failureOf(client.jobs.listJobs(NEVER))).toMatchObject(refused);
      expect(await failureOf(Rig.start(own))).toMatchObject({
        code: "TLS_INVALID",
        fields: { path: own.cert },
      });
      expect(rig.services.jobs.listJobs).not.toHaveBeenCalled();
    },
  );

  test("is reported with a hint when only the coordinator uses TLS", async () => {
    await using rig = await Rig.start(good);
    expect(await failureOf(rig.client().waitReady(1_000))).toMatchObject({
      code: "CERTIFICATE_REFUSED",
      message: expect.stringContaining("speaks TLS only"),
      hint: expect.stringContaining("--tls-ca"),
    });
    expect(rig.services.jobs.listJobs).not.toHaveBeenCalled();
  });

  test("is reported as COORDINATOR_UNREACHABLE when the network fails", async () => {
    const nobody = createServer((socket) => socket.destroy());
    await new Promise<void>((resolve) => nobody.listen(0, "127.0.0.1", resolve));
    const { port } = nobody.address() as { port: number };
    await using rig = await Rig.start(good);
    const client = rig.client({ ca: ca.path, own: null }, `127.0.0.1:${port}`);
    expect(await failureOf(client.jobs.listJobs(NEVER))).toMatchObject({ code: "COORDINATOR_UNREACHABLE" });
    nobody.close();
  });
});

describe("mutual TLS", () => {
  const cases: [what: string, own: () => Promise<CertificateFiles | null>, text: RegExp][] = [
    ["has no certificate", async () => null, /has none/],
    [
      "has a certificate of another CA",
      () => other.sign({ name: "stranger" }),
      /not signed by a CA that this coordinator trusts/,
    ],
  ];

  test.each(cases)("refuses all calls except health checks of a client that %s", async (_what, own, text) => {
    await using rig = await Rig.start(good, ca.path);
    const client = rig.client({ ca: ca.path, own: await own() });
    await client.waitReady(5_000);
    expect(await failureOf(client.jobs.listJobs(NEVER))).toMatchObject({
      code: "CERTIFICATE_REFUSED",
      message: expect.stringMatching(text),
      hint: expect.stringContaining("--tls-client-ca"),
    });
    expect(rig.services.jobs.listJobs).not.toHaveBeenCalled();
  });

  test.each([
    ["has expired", { fromDays: -9, toDays: -1 }],
    ["is not valid yet", { fromDays: 1, toDays: 9 }],
  ])("refuses a client whose certificate %s, with that reason", async (what, days) => {
    const own = await ca.sign({ name: "late" });
    await using rig = await Rig.start(good, ca.path);
    const client = rig.client({ ca: ca.path, own });
    await ca.sign({ name: "late", ...days });
    expect(await failureOf(client.jobs.listJobs(NEVER))).toMatchObject({
      code: "CERTIFICATE_REFUSED",
      message: `the certificate of this client ${what}`,
    });
    expect(rig.services.jobs.listJobs).not.toHaveBeenCalled();
  });

  test("answers a client with a certificate of the client CA only if it has the secret", async () => {
    await using rig = await Rig.start(good, ca.path);
    const own = await ca.sign({ name: "worker" });
    expect(await rig.client({ ca: ca.path, own }).jobs.listJobs(NEVER)).toEqual([]);
    const credential = { path: "/none", secret: null, tls: { ca: ca.path, own } };
    const client = connectCoordinator(rig.server.address, credential);
    expect(await failureOf(client.jobs.listJobs(NEVER))).toMatchObject({ code: "SECRET_REFUSED" });
    client.close();
  });
});

describe("renewed certificates", () => {
  test("are presented to new connections, and open calls continue", async () => {
    const first = await ca.sign({ name: "renewed" });
    await using rig = await Rig.start(first);
    const before = rig.client({ ca: ca.path, own: null });
    let release = () => {};
    rig.services.jobs.listJobs.mockImplementationOnce(
      () => new Promise((resolve) => (release = () => resolve([]))),
    );
    const open = before.jobs.listJobs(NEVER);
    await vi.waitFor(() => expect(rig.services.jobs.listJobs).toHaveBeenCalled(), { timeout: 60_000 });
    // Another CA from here on. A client with only the old one is refused.
    const renewed = await other.sign({ name: "renewed-2" });
    await copyFile(renewed.key, first.key);
    // Half of the new pair is no pair, so the server still uses the old one.
    expect(await rig.client({ ca: ca.path, own: null }).jobs.listJobs(NEVER)).toEqual([]);
    await copyFile(renewed.cert, first.cert);
    expect(await rig.client({ ca: other.path, own: null }).jobs.listJobs(NEVER)).toEqual([]);
    expect(await failureOf(rig.client({ ca: ca.path, own: null }).jobs.listJobs(NEVER))).toMatchObject({
      code: "CERTIFICATE_REFUSED",
    });
    release();
    expect(await open).toEqual([]);
    expect(await before.jobs.listJobs(NEVER)).toEqual([]);
  });
});

describe("the server of a coordinator", () => {
  const start = (listening: Listening, listen = "127.0.0.1:0") =>
    startServer({ listen, services: fakeServices(), guard: TEST_GUARD, listening, log: silentLogger });

  test("refuses to listen without TLS for other machines, unless it is insecure", async () => {
    const clear = { tls: null, insecure: false };
    expect(await failureOf(start(clear, "0.0.0.0:0"))).toMatchObject({
      code: "LISTENING_REFUSED",
      fields: { address: "0.0.0.0:0" },
      hint: expect.stringMatching(/--tls-cert.*--insecure/),
    });
    await (await start({ tls: null, insecure: true }, "0.0.0.0:0")).close(0);
    await (await start({ tls: { own: good, clientCa: null }, insecure: false }, "0.0.0.0:0")).close(0);
    await (await start(clear, "localhost:0")).close(0);
  });

  test("names the file that it cannot use", async () => {
    const text = join(folder, "text");
    await writeFile(text, "no PEM");
    const otherKey = (await ca.sign({ name: "another" })).key;
    const cases: [own: CertificateFiles, clientCa: string | null, path: string, message: RegExp][] = [
      [{ ...good, cert: join(folder, "none") }, null, join(folder, "none"), /certificate cannot be read/],
      [{ ...good, cert: text }, null, text, /holds no certificate/],
      [{ ...good, key: text }, null, text, /holds no usable key/],
      [{ ...good, key: otherKey }, null, otherKey, /does not belong to the certificate/],
      [good, text, text, /holds no certificate/],
    ];
    for (const [own, clientCa, path, message] of cases) {
      expect(await failureOf(start({ tls: { own, clientCa }, insecure: false }))).toMatchObject({
        code: "TLS_INVALID",
        message: expect.stringMatching(message),
        fields: { path },
      });
    }
  });

  test("fails with PORT_IN_USE on a used port", async () => {
    await using rig = await Rig.start(good);
    const tls = { own: good, clientCa: null };
    expect(await failureOf(start({ tls, insecure: false }, rig.server.address))).toMatchObject({
      code: "PORT_IN_USE",
    });
  });

  test("also listens without TLS, on this machine only, for workers of its own process", async () => {
    const tls = { own: good, clientCa: ca.path };
    const server = await start({ tls, insecure: false, forOwnWorkers: true }, "0.0.0.0:0");
    expect(server.ownAddress).toMatch(/^127\.0\.0\.1:\d+$/);
    const client = connectCoordinator(server.ownAddress, TEST_CREDENTIAL);
    await client.waitReady(5_000);
    client.close();
    await server.close(0);
  });
});
