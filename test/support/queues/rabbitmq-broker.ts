import { spawnSync } from "node:child_process";
import { existsSync } from "node:fs";
import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Connection } from "rabbitmq-client";
import type { CertificateFiles } from "../../../shared/access/tls-files.ts";
import { NEVER, sleep } from "../../../shared/core/abort.ts";
import { freePorts } from "../foreign-server.ts";
import type { Broker, TakenMessage, TestQueue } from "./broker.ts";
import { startRelay } from "./relay.ts";
import { ServerProcess } from "./server-process.ts";

const SERVER = "/usr/lib/rabbitmq/bin/rabbitmq-server";

export const hasRabbitMq: boolean = existsSync(SERVER);

export interface RabbitMq extends Broker {
  readonly port: number;
  /** Port for TLS. Null: started without TLS. */
  readonly tlsPort: number | null;
}

/**
 * Certificate of the broker, and the CA of client certificates. Clients without a certificate are accepted,
 * too.
 */
interface BrokerTls extends CertificateFiles {
  readonly ca: string;
}

/** Starts Debian's RabbitMQ, with its own ports and folder. */
export async function startRabbitMq(tls: BrokerTls | null = null): Promise<RabbitMq> {
  const folder = await mkdtemp(join(tmpdir(), "shardmill-rabbitmq-"));
  const [port = 0, distribution = 0, names = 0, tlsPort = 0] = await freePorts(4);
  const relay = await startRelay(port);
  await Promise.all([mkdir(join(folder, "mnesia")), mkdir(join(folder, "log"))]);
  await writeFile(join(folder, "plugins"), "[].");
  const settings = ["loopback_users.guest = true", "vm_memory_high_watermark.absolute = 512MB"];
  if (tls !== null) settings.push(...tlsSettings(tls, tlsPort));
  await writeFile(join(folder, "rabbitmq.conf"), `${settings.join("\n")}\n`);
  const server = new ServerProcess({
    command: SERVER,
    args: [],
    port,
    cwd: folder,
    env: {
      HOME: folder,
      RABBITMQ_NODENAME: `test${port}@localhost`,
      RABBITMQ_NODE_IP_ADDRESS: "127.0.0.1",
      RABBITMQ_NODE_PORT: String(port),
      RABBITMQ_DIST_PORT: String(distribution),
      ERL_EPMD_ADDRESS: "127.0.0.1",
      ERL_EPMD_PORT: String(names),
      RABBITMQ_MNESIA_BASE: join(folder, "mnesia"),
      RABBITMQ_LOG_BASE: join(folder, "log"),
      RABBITMQ_ENABLED_PLUGINS_FILE: join(folder, "plugins"),
      RABBITMQ_CONFIG_FILE: join(folder, "rabbitmq"),
      RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS: "-kernel inet_dist_use_interface {127,0,0,1}",
    },
  });
  await server.start();
  const direct = `amqp://guest:guest@127.0.0.1:${port}`;
  let count = 0;
  return {
    port,
    tlsPort: tls === null ? null : tlsPort,
    relay,
    isDurable: true,
    kill: () => server.kill(),
    restart: () => server.start(),
    async makeQueue() {
      count += 1;
      const name = `rows-${count}`;
      await withConnection(direct, async (connection) => {
        for (const queue of [name, `${name}-aside`, `${name}-results`])
          await connection.queueDeclare({ queue, durable: true, arguments: { "x-queue-type": "quorum" } });
      });
      const address = (queue: string) => `amqp://guest:guest@127.0.0.1:${relay.port}/%2F/${queue}`;
      return {
        address: address(name),
        deadLetters: address(`${name}-aside`),
        results: address(`${name}-results`),
        send: (bodies) => publish(direct, name, bodies),
        takeAside: () => takeAll(direct, `${name}-aside`),
        takeResults: () => takeAll(direct, `${name}-results`),
      } satisfies TestQueue;
    },
    async [Symbol.asyncDispose]() {
      await server[Symbol.asyncDispose]();
      await endNames(names);
      await relay[Symbol.asyncDispose]();
      await rm(folder, { recursive: true, force: true });
    },
  };
}

function tlsSettings({ ca, cert, key }: BrokerTls, port: number): readonly string[] {
  return [
    `listeners.ssl.1 = 127.0.0.1:${port}`,
    `ssl_options.cacertfile = ${ca}`,
    `ssl_options.certfile = ${cert}`,
    `ssl_options.keyfile = ${key}`,
    "ssl_options.verify = verify_peer",
    "ssl_options.fail_if_no_peer_cert = false",
  ];
}

/** Ends Erlang's name server, a separate process. For a moment it still lists exited nodes. */
async function endNames(port: number): Promise<void> {
  for (let tries = 0; tries < 20; tries += 1) {
    const { status } = spawnSync("epmd", ["-port", String(port), "-kill"], { stdio: "ignore" });
    if (status === 0) return;
    await sleep(200, NEVER);
  }
}

async function withConnection<T>(url: string, use: (connection: Connection) => Promise<T>): Promise<T> {
  const connection = new Connection(url);
  // The client reconnects without help.
  connection.on("error", () => {});
  try {
    return await use(connection);
  } finally {
    await connection.close();
  }
}

async function publish(url: string, queue: string, bodies: readonly string[]): Promise<void> {
  await withConnection(url, async (connection) => {
    const publisher = connection.createPublisher({ confirm: true, maxAttempts: 5 });
    for (const [index, body] of bodies.entries())
      await publisher.send(
        { routingKey: queue, durable: true, messageId: `${index}-${body}` },
        Buffer.from(body),
      );
    await publisher.close();
  });
}

async function takeAll(url: string, queue: string): Promise<readonly TakenMessage[]> {
  return await withConnection(url, async (connection) => {
    const taken: TakenMessage[] = [];
    while (true) {
      const message = await connection.basicGet({ queue, noAck: true });
      if (message === undefined) return taken;
      const { body, messageId = "", headers = {} } = message;
      const about = Object.entries(headers).map(([name, value]) => [name, String(value)]);
      taken.push({
        body: Buffer.from(body as Buffer).toString(),
        about: { messageId, ...Object.fromEntries(about) },
      });
    }
  });
}
