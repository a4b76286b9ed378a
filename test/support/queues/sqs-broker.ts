import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { NEVER, sleep } from "../../../shared/core/abort.ts";
import { packageRoot } from "../../../shared/core/package-root.ts";
import { freePorts } from "../foreign-server.ts";
import type { Broker, TakenMessage, TestQueue } from "./broker.ts";
import { startRelay } from "./relay.ts";
import { ServerProcess } from "./server-process.ts";

const foreign = process.env.SHARDMILL_FOREIGN ?? "";
const python = join(foreign, "python", "bin");

/** SQS as AWS's own library calls it. */
export interface Boto extends AsyncDisposable {
  call(method: string, args: object): Promise<Readonly<Record<string, unknown>>>;
}

export interface SqsBroker extends Broker {
  readonly boto: Boto;
  makeQueue(options?: { readonly isOrdered?: boolean; readonly redriveAfter?: number }): Promise<SqsQueue>;
}

interface SqsQueue extends TestQueue {
  /** URL, as boto has it. */
  readonly url: string;
  /** The queue's own dead-letter queue. Null: none. */
  readonly redriven: string | null;
  taken(url: string): Promise<readonly TakenMessage[]>;
}

/** Starts a server whose messages are in a database on the disk, so that it can be killed. */
export async function startElasticMq(): Promise<SqsBroker> {
  const folder = await mkdtemp(join(tmpdir(), "shardmill-elasticmq-"));
  const [port = 0] = await freePorts(1);
  const relay = await startRelay(port);
  await writeFile(
    join(folder, "elasticmq.conf"),
    `include classpath("application.conf")
node-address { protocol = http, host = "127.0.0.1", port = ${relay.port}, context-path = "" }
rest-sqs { enabled = true, bind-port = ${port}, bind-hostname = "127.0.0.1", sqs-limits = strict }
rest-stats { enabled = false }
queues-storage { enabled = true, path = "${folder}/queues.conf" }
messages-storage { enabled = true, uri = "jdbc:h2:${folder}/messages" }
`,
  );
  const server = new ServerProcess({
    command: "java",
    args: [
      "-Xmx256m",
      "-XX:+UseSerialGC",
      `-Dconfig.file=${folder}/elasticmq.conf`,
      "-cp",
      join(foreign, "elasticmq", "lib", "*"),
      "org.elasticmq.server.Main",
    ],
    port,
    cwd: folder,
  });
  return await sqsBroker({ server, relay, port, folder, isDurable: true });
}

export async function startMoto(): Promise<SqsBroker> {
  const folder = await mkdtemp(join(tmpdir(), "shardmill-moto-"));
  const [port = 0] = await freePorts(1);
  const server = new ServerProcess({
    command: join(python, "moto_server"),
    args: ["-H", "127.0.0.1", "-p", String(port)],
    port,
    cwd: folder,
  });
  return await sqsBroker({ server, relay: await startRelay(port), port, folder, isDurable: false });
}

async function sqsBroker({
  server,
  relay,
  port,
  folder,
  isDurable,
}: Pick<Broker, "relay" | "isDurable"> & {
  readonly server: ServerProcess;
  readonly port: number;
  readonly folder: string;
}): Promise<SqsBroker> {
  await server.start();
  const boto = startBoto(`http://127.0.0.1:${port}`);
  let count = 0;
  let known = 0;
  return {
    relay,
    isDurable,
    boto,
    async kill() {
      known = await countQueues(boto);
      relay.cut();
      await server.kill();
    },
    async restart() {
      await server.start();
      // The server listens before it has loaded its queues, and reports none until then.
      while ((await countQueues(boto)) < known) await sleep(100, NEVER);
      relay.mend();
    },
    async makeQueue(options = {}) {
      count += 1;
      return await makeQueue(boto, {
        name: `rows-${count}`,
        ports: { relay: relay.port, own: port },
        ...options,
      });
    },
    async [Symbol.asyncDispose]() {
      await boto[Symbol.asyncDispose]();
      await server[Symbol.asyncDispose]();
      await relay[Symbol.asyncDispose]();
      await rm(folder, { recursive: true, force: true });
    },
  };
}

interface QueueWanted {
  readonly name: string;
  readonly ports: { readonly relay: number; readonly own: number };
  readonly isOrdered?: boolean;
  /** Number of receives after which a message is a dead letter. Default: never. */
  readonly redriveAfter?: number;
}

async function makeQueue(boto: Boto, wanted: QueueWanted): Promise<SqsQueue> {
  const { name, ports, isOrdered = false, redriveAfter } = wanted;
  const make = async (QueueName: string, attributes: Readonly<Record<string, string>> = {}) => {
    const Attributes = { ...(isOrdered ? { FifoQueue: "true" } : {}), ...attributes };
    const made = await boto.call("create_queue", {
      QueueName: isOrdered ? `${QueueName}.fifo` : QueueName,
      Attributes,
    });
    // A server behind a relay returns its own port, or the relay's.
    return String(made.QueueUrl).replace(/^http:\/\/[^/]*/, `http://127.0.0.1:${ports.own}`);
  };
  const byRelay = (url: string) => url.replace(`:${ports.own}/`, `:${ports.relay}/`);
  const dead = redriveAfter === undefined ? null : await make(`${name}-dead`);
  const policy =
    dead === null
      ? {}
      : {
          RedrivePolicy: JSON.stringify({
            deadLetterTargetArn: await arnOf(boto, dead),
            maxReceiveCount: redriveAfter,
          }),
        };
  const [url, failed, results] = [
    await make(name, policy),
    await make(`${name}-aside`),
    await make(`${name}-results`),
  ];
  return {
    url,
    address: byRelay(url),
    deadLetters: byRelay(failed),
    results: byRelay(results),
    redriven: dead,
    taken: (from) => takeAll(boto, from),
    takeAside: () => takeAll(boto, failed),
    takeResults: () => takeAll(boto, results),
    async send(bodies) {
      for (let start = 0; start < bodies.length; start += 10) {
        const some = bodies.slice(start, start + 10);
        const Entries = some.map((MessageBody, index) => ({
          Id: String(index),
          MessageBody,
          ...(isOrdered ? { MessageGroupId: "all", MessageDeduplicationId: `${start + index}-${name}` } : {}),
        }));
        const { Failed = [] } = await boto.call("send_message_batch", { QueueUrl: url, Entries });
        if ((Failed as readonly unknown[]).length > 0) throw new Error(JSON.stringify(Failed));
      }
    },
  };
}

async function countQueues(boto: Boto): Promise<number> {
  const { QueueUrls = [] } = await boto.call("list_queues", {});
  return (QueueUrls as readonly string[]).length;
}

async function arnOf(boto: Boto, QueueUrl: string): Promise<string> {
  const told = await boto.call("get_queue_attributes", { QueueUrl, AttributeNames: ["QueueArn"] });
  return (told.Attributes as { readonly QueueArn: string }).QueueArn;
}

async function takeAll(boto: Boto, QueueUrl: string): Promise<readonly TakenMessage[]> {
  const taken: TakenMessage[] = [];
  while (true) {
    const { Messages = [] } = await boto.call("receive_message", {
      QueueUrl,
      MaxNumberOfMessages: 10,
      MessageAttributeNames: ["All"],
    });
    const messages = Messages as readonly BotoMessage[];
    if (messages.length === 0) return taken;
    for (const { Body, ReceiptHandle, MessageAttributes = {} } of messages) {
      const about = Object.entries(MessageAttributes).map(([name, { StringValue }]) => [name, StringValue]);
      taken.push({ body: Body, about: Object.fromEntries(about) });
      await boto.call("delete_message", { QueueUrl, ReceiptHandle });
    }
  }
}

interface BotoMessage {
  readonly Body: string;
  readonly ReceiptHandle: string;
  readonly MessageAttributes?: Readonly<Record<string, { readonly StringValue: string }>>;
}

function startBoto(endpoint: string): Boto {
  const boto = spawn(
    join(python, "python"),
    [join(packageRoot, "test", "external", "queues", "boto.py"), endpoint],
    {
      stdio: ["pipe", "pipe", "inherit"],
    },
  );
  const lines = createInterface(boto.stdout)[Symbol.asyncIterator]();
  let last: Promise<unknown> = Promise.resolve();
  const ask = async (method: string, args: object) => {
    boto.stdin.write(`${JSON.stringify({ method, arguments: args })}\n`);
    const { value } = await lines.next();
    const { answer, error } = JSON.parse(String(value)) as Record<
      string,
      Record<string, unknown> | undefined
    >;
    if (answer === undefined) throw new Error(`${method}: ${String(error)}`);
    return answer;
  };
  return {
    call(method, args) {
      const answer = last.then(() => ask(method, args));
      last = answer.catch(() => {});
      return answer;
    },
    async [Symbol.asyncDispose]() {
      const ended = once(boto, "exit");
      boto.stdin.end();
      await ended;
    },
  };
}
