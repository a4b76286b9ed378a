import { execFile } from "node:child_process";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { Admin, Consumer, ProduceAcks, Producer } from "@platformatic/kafka";
import { freePorts } from "../foreign-server.ts";
import type { Broker, TakenMessage, TestQueue } from "./broker.ts";
import { startRelay } from "./relay.ts";
import { ServerProcess } from "./server-process.ts";

/** Returns arguments of Java for all programs of Kafka. */
export const java = (folder: string, heapMiB: number): readonly string[] => [
  `-Xmx${heapMiB}m`,
  "-XX:+UseSerialGC",
  "-cp",
  join(process.env.SHARDMILL_FOREIGN ?? "", "kafka", "lib", "*"),
  "-Duser.dir=".concat(folder),
];

export interface KafkaBroker extends Broker {
  makeQueue(options?: { readonly partitions?: number }): Promise<TestQueue>;
}

/** Starts one node, which is its own controller. It also refers its clients to the relay. */
export async function startKafka(): Promise<KafkaBroker> {
  const folder = await mkdtemp(join(tmpdir(), "shardmill-kafka-"));
  const [port = 0, controller = 0, own = 0] = await freePorts(3);
  const relay = await startRelay(port);
  const configuration = join(folder, "server.properties");
  await writeFile(
    configuration,
    `process.roles=broker,controller
node.id=1
controller.quorum.voters=1@127.0.0.1:${controller}
listeners=RELAYED://127.0.0.1:${port},OWN://127.0.0.1:${own},CONTROLLER://127.0.0.1:${controller}
advertised.listeners=RELAYED://127.0.0.1:${relay.port},OWN://127.0.0.1:${own}
controller.listener.names=CONTROLLER
inter.broker.listener.name=OWN
listener.security.protocol.map=RELAYED:PLAINTEXT,OWN:PLAINTEXT,CONTROLLER:PLAINTEXT
log.dirs=${folder}/data
auto.create.topics.enable=false
offsets.topic.replication.factor=1
offsets.topic.num.partitions=2
transaction.state.log.replication.factor=1
transaction.state.log.min.isr=1
group.initial.rebalance.delay.ms=0
`,
  );
  const format = ["kafka.tools.StorageTool", "format", "-t", "c2hhcmRtaWxsLXRlc3RzMQ", "-c", configuration];
  await promisify(execFile)("java", [...java(folder, 384), ...format]);
  const server = new ServerProcess({
    command: "java",
    args: [...java(folder, 384), "kafka.Kafka", configuration],
    port: own,
    cwd: folder,
  });
  await server.start();
  const bootstrapBrokers = [`127.0.0.1:${own}`];
  let count = 0;
  return {
    relay,
    isDurable: true,
    kill: () => server.kill(),
    restart: () => server.start(),
    async makeQueue({ partitions = 1 } = {}) {
      count += 1;
      const topic = `rows-${count}`;
      const topics = [topic, `${topic}-aside`, `${topic}-results`];
      await withClient(new Admin({ clientId: "test", bootstrapBrokers }), (admin) =>
        admin.createTopics({ topics, partitions, replicas: 1 }),
      );
      const address = (name: string) => `kafka://127.0.0.1:${relay.port}/${name}?group=group-${count}`;
      return {
        address: address(topic),
        deadLetters: address(`${topic}-aside`),
        results: address(`${topic}-results`),
        send: (bodies) => produce(bootstrapBrokers, topic, bodies),
        takeAside: () => consume(bootstrapBrokers, `${topic}-aside`),
        takeResults: () => consume(bootstrapBrokers, `${topic}-results`),
      };
    },
    async [Symbol.asyncDispose]() {
      await server[Symbol.asyncDispose]();
      await relay[Symbol.asyncDispose]();
      await rm(folder, { recursive: true, force: true });
    },
  };
}

export async function withClient<C extends { close(): unknown }, T>(
  client: C,
  use: (client: C) => Promise<T>,
): Promise<T> {
  try {
    return await use(client);
  } finally {
    await client.close();
  }
}

/** Sends a message for each text, in this order. */
export async function produce(
  bootstrapBrokers: string[],
  topic: string,
  bodies: readonly string[],
): Promise<void> {
  await withClient(new Producer({ clientId: "test", bootstrapBrokers }), async (producer) => {
    const messages = bodies.map((body, index) => ({
      topic,
      key: Buffer.from(String(index)),
      value: Buffer.from(body),
    }));
    await producer.send({ messages, acks: ProduceAcks.ALL });
  });
}

/** Reads all messages of a topic from the beginning. */
export async function consume(bootstrapBrokers: string[], topic: string): Promise<readonly TakenMessage[]> {
  const consumer = new Consumer({ clientId: "test", groupId: `${topic}-readers`, bootstrapBrokers });
  try {
    const ends = (await consumer.listOffsets({ topics: [topic] })).get(topic) ?? [];
    const total = Number(ends.reduce((sum, end) => sum + end, 0n));
    const stream = await consumer.consume({ topics: [topic], mode: "earliest", autocommit: false });
    const taken: TakenMessage[] = [];
    if (total > 0) {
      for await (const { value, headers } of stream) {
        const about = [...headers].map(([name, text]) => [name.toString(), text.toString()]);
        taken.push({ body: value.toString(), about: Object.fromEntries(about) });
        if (taken.length === total) break;
      }
    }
    return taken;
  } finally {
    await consumer.close(true);
  }
}
