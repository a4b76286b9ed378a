import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { present } from "../../../shared/core/assert.ts";
import { TestCa } from "../../support/certificates.ts";
import { until } from "../../support/job-processes.ts";
import { startCli } from "../../support/processes.ts";
import { firstText, refusals, saidBy } from "../../support/queues/authentication.ts";
import {
  type Access,
  type KafkaCluster,
  startKafkaCluster,
  USER,
} from "../../support/queues/kafka-cluster.ts";
import { type Relay, startRelay } from "../../support/queues/relay.ts";
import { aRow, isSettled, publishedIds, queueJob } from "../../support/queues/served-queue.ts";

/** Limit for real processes on a slow machine, which ends hanging ones. */
const LIMIT_MS = 280_000;

const topicOf = (address: string) => present(/([^/]+)\?/.exec(address)?.[1], "an address has a topic");

describe("a Kafka cluster of three brokers", () => {
  let cluster: KafkaCluster;
  /** Relays in front of a broker, by the fault of their certificate. */
  let servers: Readonly<Record<"expired" | "misnamed", Relay>>;
  const at = (path: string) => join(cluster.folder, path);
  const ca = () => `&tls=true&cacertfile=${at("ca.crt")}`;
  const shown = (name: string) => `&certfile=${at(`${name}.crt`)}&keyfile=${at(`${name}.key`)}`;
  const who = (password: string = USER.password, name: string = USER.name) =>
    `${name}:${encodeURIComponent(password)}@`;
  const addressOf = (user: string, access: Access, query: string) => (topic: string) =>
    `kafka://${user}${cluster.brokers(access)}/${topic}?group=scoring-${topic}${query}`;
  const behind = (port: number) => (topic: string) =>
    `kafka://${who()}localhost:${port}/${topic}?group=g${ca()}`;

  beforeAll(async () => {
    cluster = await startKafkaCluster();
    const own = cluster.ca;
    const other = await TestCa.make(cluster.folder, "other");
    await own.sign({ name: "client" });
    await other.sign({ name: "stranger" });
    const port = Number(/\d+/.exec(cluster.brokers("plain"))?.[0]);
    const relay = async ({ cert, key }: { readonly cert: string; readonly key: string }) =>
      await startRelay(port, { cert: await readFile(cert), key: await readFile(key) });
    servers = {
      expired: await relay(await own.sign({ name: "expired", fromDays: -9, toDays: -1 })),
      misnamed: await relay(await own.sign({ name: "misnamed", host: "kafka.example.com" })),
    };
  }, LIMIT_MS);
  afterAll(async () => {
    for (const relay of Object.values(servers ?? {})) await relay[Symbol.asyncDispose]();
    await cluster?.[Symbol.asyncDispose]();
  }, LIMIT_MS);

  test.each([
    ["SCRAM-SHA-256 and TLS", () => addressOf(who(), "scram", `&sasl=scram-sha-256${ca()}`)],
    ["SCRAM-SHA-512 and TLS", () => addressOf(who(), "scram", `&sasl=scram-sha-512${ca()}`)],
    ["PLAIN", () => addressOf(who(), "plain", "")],
    ["certificates of client and broker", () => addressOf("", "mutual", ca() + shown("client"))],
  ])("accepts a client that authenticates by %s", { timeout: LIMIT_MS }, async (_how, address) => {
    const queue = await cluster.makeQueue(address());
    await queue.send(["one"]);
    expect(await firstText(queue.address, queue.results)).toBe("one");
  });

  test("refuses a wrong client at once with the reason, and without a password in the message", {
    timeout: LIMIT_MS,
  }, async () => {
    const scram = `&sasl=scram-sha-512`;
    const misses: readonly (readonly [RegExp, (topic: string) => string])[] = [
      [/AUTHENTICATION_FAILED.*check user/, addressOf(who("s3cret"), "scram", scram + ca())],
      [/AUTHENTICATION_FAILED.*check user/, addressOf(who("s3cret", "who"), "scram", scram + ca())],
      [/AUTHENTICATION_FAILED.*check user/, addressOf(who("s3cret"), "plain", "")],
      [/UNSUPPORTED_SASL_MECHANISM.*another `sasl`/, addressOf(who(), "scram", ca())],
      [/UNSUPPORTED_SASL_MECHANISM.*another `sasl`/, addressOf(who(), "plain", scram)],
      [/without a reply.*a user and `sasl`/, addressOf("", "plain", "")],
      [/ILLEGAL_SASL_STATE.*authenticates no users/, addressOf(who(), "mutual", ca() + shown("client"))],
      [/no CA that this system trusts.*cacertfile/, addressOf(who(), "scram", `${scram}&tls=true`)],
      [
        /no CA in .*other\.crt has signed/,
        addressOf(who(), "scram", `${scram}&tls=true&cacertfile=${at("other.crt")}`),
      ],
      [/has a certificate that has expired/, behind(servers.expired.port)],
      [/other names than localhost.*kafka\.example/, behind(servers.misnamed.port)],
      [/does not speak TLS on this port/, addressOf(who(), "plain", ca())],
      [/without a reply.*`tls=true`/, addressOf(who(), "scram", scram)],
      [/without a reply.*`certfile`/, addressOf("", "mutual", ca())],
      [/without a reply.*`certfile`/, addressOf("", "mutual", ca() + shown("stranger"))],
    ];
    const { address: topic } = await cluster.makeQueue((name) => name);
    const told = await Promise.all(misses.map(([, address]) => refusals(address(topic))));
    for (const [index, [said]] of misses.entries())
      for (const error of told[index] ?? []) {
        expect(error.code).toBe("QUEUE_FAILED");
        expect(saidBy(error)).toMatch(said);
        expect(saidBy(error)).not.toContain("s3cret");
        expect(saidBy(error)).not.toContain(encodeURIComponent(USER.password));
      }
  });

  test("loses and duplicates no message when the broker that coordinates the group is killed", {
    timeout: LIMIT_MS,
  }, async () => {
    const group = "scoring-rows";
    const first = await cluster.coordinator(group);
    const address = (topic: string) =>
      `kafka://${who()}${cluster.brokers("scram")}/${topic}?group=${group}&sasl=scram-sha-512${ca()}`;
    const queue = await cluster.makeQueue(address, first);
    await using job = await queueJob(queue);
    await using process = startCli(["serve", job.job, "--workers", "1", "--listen", "127.0.0.1:0"], {
      limitMs: LIMIT_MS,
    });
    let sent = 0;
    const send = async (count: number) => {
      const ids = Array.from({ length: count }, (_, index) => sent + index);
      sent += count;
      // A broker that has just been killed fails a send, of which some messages may have arrived.
      const sending = () =>
        queue.send(ids.map(aRow)).then(
          () => true,
          () => null,
        );
      await until("successful send", sending, LIMIT_MS);
    };
    const published = async () =>
      await until("rows", async () => ((await publishedIds(job)).size >= sent ? true : null), LIMIT_MS);
    await send(150);
    await published();
    const sending = send(250);
    await cluster.kill(first);
    await sending;
    await send(50);
    await published();
    await cluster.restart(first);
    await send(1);
    await published();
    await until("the end", async () => ((await isSettled(job)) ? true : null), LIMIT_MS);
    process.kill("SIGTERM");
    expect((await process.ended).code).toBe(130);
    const found = await publishedIds(job);
    expect([...found.keys()].sort((a, b) => a - b)).toEqual(Array.from({ length: sent }, (_, id) => id));
    expect(new Set(found.values())).toEqual(new Set([1]));
    const results = (await queue.takeResults()).map(({ body }) => (JSON.parse(body) as { id: number }).id);
    expect(new Set(results).size).toBe(sent);
    expect(await queue.takeAside()).toEqual([]);
    expect(await cluster.leftOf(group, topicOf(queue.address))).toBe(0);
    for (const password of [USER.password, encodeURIComponent(USER.password)])
      expect(process.stderr).not.toContain(password);
  });
});
