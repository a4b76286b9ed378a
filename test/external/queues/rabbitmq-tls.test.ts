import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { CertificateFiles } from "../../../shared/access/tls-files.ts";
import { TestCa } from "../../support/certificates.ts";
import { until } from "../../support/job-processes.ts";
import { startCli } from "../../support/processes.ts";
import { firstText, refusals, saidBy } from "../../support/queues/authentication.ts";
import { hasRabbitMq, type RabbitMq, startRabbitMq } from "../../support/queues/rabbitmq-broker.ts";
import { type Relay, startRelay } from "../../support/queues/relay.ts";
import { aRow, publishedIds, queueJob } from "../../support/queues/served-queue.ts";

/** Limit for real processes on a slow machine, which ends hanging ones. */
const LIMIT_MS = 280_000;

const pem = async ({ cert, key }: CertificateFiles) => ({
  cert: await readFile(cert),
  key: await readFile(key),
});

describe.skipIf(!hasRabbitMq)("RabbitMQ over TLS", () => {
  let folder: string;
  let broker: RabbitMq;
  /** Relays in front of the broker, by their fault. `mutual` requires a client certificate. */
  let servers: Readonly<Record<"expired" | "misnamed" | "mutual", Relay>>;
  const at = (path: string) => join(folder, path);
  /** Returns an address. Default port: the broker's own. */
  const addressOf = (queue: string, query: string, port = broker.tlsPort) =>
    `amqps://guest:guest@localhost:${port}/%2F/${queue}${query}`;
  const ca = () => `?cacertfile=${at("ca.crt")}`;
  const shown = (name: string) => `&certfile=${at(`${name}.crt`)}&keyfile=${at(`${name}.key`)}`;

  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), "shardmill-tls-"));
    const own = await TestCa.make(folder);
    const other = await TestCa.make(folder, "other");
    const server = await own.sign({ name: "server" });
    await own.sign({ name: "client" });
    await other.sign({ name: "stranger" });
    broker = await startRabbitMq({ ...server, ca: own.path });
    const expired = await own.sign({ name: "expired", fromDays: -9, toDays: -1 });
    const misnamed = await own.sign({ name: "misnamed", host: "rabbit.example.com" });
    const clients = { ca: await readFile(own.path), requestCert: true };
    servers = {
      expired: await startRelay(broker.port, await pem(expired)),
      misnamed: await startRelay(broker.port, await pem(misnamed)),
      mutual: await startRelay(broker.port, { ...(await pem(server)), ...clients }),
    };
  }, LIMIT_MS);
  afterAll(async () => {
    for (const relay of Object.values(servers ?? {})) await relay[Symbol.asyncDispose]();
    await broker?.[Symbol.asyncDispose]();
    await rm(folder, { recursive: true, force: true });
  }, LIMIT_MS);

  /** Returns the names of a queue with one message, and of one for results. */
  async function filled(): Promise<readonly [string, string]> {
    const queue = await broker.makeQueue();
    await queue.send(["one"]);
    const [name = "", results = ""] = [queue.address, queue.results].map((text) => text.split("/").at(-1));
    return [name, results];
  }

  test.each([
    ["whose CA is in the address", () => ({ query: ca() })],
    ["that also accepts client certificates", () => ({ query: ca() + shown("client") })],
    [
      "that requires client certificates",
      () => ({ query: ca() + shown("client"), port: servers.mutual.port }),
    ],
    [
      "with another name, which is in the address",
      () => ({
        query: `${ca()}&server_name_indication=rabbit.example.com&verify=verify_peer`,
        port: servers.misnamed.port,
      }),
    ],
  ])("messages are received from a broker %s", async (_which, way) => {
    const { query, port } = { port: broker.tlsPort, ...way() };
    const [queue, results] = await filled();
    expect(await firstText(addressOf(queue, query, port), addressOf(results, query, port))).toBe("one");
  });

  test.each([
    ["of an unknown CA", "", () => broker.tlsPort, /no CA that this system trusts.*cacertfile/],
    ["of another CA", "other", () => broker.tlsPort, /no CA in .*other\.crt has signed.*cacertfile/],
    ["that has expired", "ca", () => servers.expired.port, /has a certificate that has expired/],
    ["for another name", "ca", () => servers.misnamed.port, /other names than localhost.*rabbit\.example/],
  ])("a certificate %s is refused at once", async (_which, file, port, said) => {
    const query = file === "" ? "" : `?cacertfile=${at(`${file}.crt`)}`;
    for (const error of await refusals(addressOf("rows-1", query, port()))) {
      expect(error.code).toBe("QUEUE_FAILED");
      expect(saidBy(error)).toMatch(said);
    }
  });

  test.each([
    [
      "a client certificate of another CA",
      () => addressOf("rows-1", ca() + shown("stranger")),
      /unknown ca.*certfile/,
    ],
    [
      "a client without a required certificate",
      () => addressOf("rows-1", ca(), servers.mutual.port),
      /certificate required.*certfile/,
    ],
    [
      "a client without TLS",
      () => addressOf("rows-1", "").replace("amqps", "amqp"),
      /closed the connection without a reply.*amqps:/,
    ],
    ["TLS on a port without TLS", () => addressOf("rows-1", ca(), broker.port), /does not speak TLS/],
    [
      "a wrong password",
      () => addressOf("rows-1", ca()).replace("guest:guest", "guest:s3cret"),
      /Login was refused.*check user and password/,
    ],
    [
      "a missing virtual host",
      () => addressOf("rows-1", ca()).replace("%2F", "shop"),
      /vhost shop not found.*virtual host/,
    ],
  ])("%s is refused at once", async (_what, address, said) => {
    for (const error of await refusals(address())) {
      expect(error.code).toBe("QUEUE_FAILED");
      expect(saidBy(error)).toMatch(said);
      expect(saidBy(error)).not.toMatch(/s3cret|guest:guest/);
    }
  });

  test("a missing CA file fails with TLS_INVALID", async () => {
    const address = addressOf("rows-1", `?cacertfile=${at("none.crt")}`);
    for (const error of await refusals(address)) expect(error.code).toBe("TLS_INVALID");
  });

  test("serve reports an untrusted CA, and accepts a CA from its environment", {
    timeout: LIMIT_MS,
  }, async () => {
    const queue = await broker.makeQueue();
    await queue.send([aRow(1), aRow(2)]);
    const encrypted = (address: string) => addressOf(address.split("/").at(-1) ?? "", "");
    await using job = await queueJob({
      ...queue,
      address: encrypted(queue.address),
      deadLetters: encrypted(queue.deadLetters),
      results: encrypted(queue.results),
    });
    const serve = (env: Readonly<Record<string, string>>) =>
      startCli(["serve", job.job, "--workers", "1", "--listen", "127.0.0.1:0"], { limitMs: LIMIT_MS, env });
    {
      await using refused = serve({});
      await refused.saw(/QUEUE_FAILED.*no CA that this system trusts/s);
      refused.kill("SIGTERM");
      expect((await refused.ended).code).toBe(130);
      expect(refused.stderr).not.toContain("guest:guest");
    }
    await using served = serve({ NODE_EXTRA_CA_CERTS: at("ca.crt") });
    await until("rows", async () => ((await publishedIds(job)).size === 2 ? true : null), LIMIT_MS);
    served.kill("SIGTERM");
    expect((await served.ended).code).toBe(130);
  });
});
