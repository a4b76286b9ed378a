import { execFile } from "node:child_process";
import { mkdir, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { Admin, Consumer } from "@platformatic/kafka";
import { TestCa } from "../certificates.ts";
import { freePorts } from "../foreign-server.ts";
import type { TestQueue } from "./broker.ts";
import { consume, java, produce, withClient } from "./kafka-broker.ts";
import { ServerProcess } from "./server-process.ts";

const NODES = [1, 2, 3] as const;
const ACCESSES = ["scram", "plain", "mutual"] as const;
/** Authentication of clients: SCRAM with TLS, PLAIN without TLS, or a certificate. */
export type Access = (typeof ACCESSES)[number];

/** A user whose password contains characters with a meaning in addresses. */
export const USER = { name: "shop", password: "s:e/c@r?e#t" } as const;

interface Node {
  readonly id: (typeof NODES)[number];
  readonly configuration: string;
  readonly ports: Readonly<Record<Access | "own" | "controller", number>>;
  readonly server: ServerProcess;
}

/**
 * Three brokers, which are also controllers. Every partition is on all three, and two of them must have a
 * message before it is confirmed.
 */
export interface KafkaCluster extends AsyncDisposable {
  /** Folder of the cluster and its certificates. */
  readonly folder: string;
  /** Certificate authority of the brokers, and of their clients. */
  readonly ca: TestCa;
  /** Returns `host:port` of all brokers, for a kind of authentication. */
  brokers(access: Access): string;
  /**
   * Makes a queue with one partition.
   *
   * @param address returns the address of a topic
   * @param leader leader of the partition while it runs
   */
  makeQueue(address: (topic: string) => string, leader?: number): Promise<TestQueue>;
  /** Returns the broker that coordinates the group. One broker coordinates all groups. */
  coordinator(group: string): Promise<number>;
  /** Returns how many messages of a topic the group has not acknowledged. */
  leftOf(group: string, topic: string): Promise<number>;
  kill(id: number): Promise<void>;
  restart(id: number): Promise<void>;
}

export async function startKafkaCluster(): Promise<KafkaCluster> {
  const folder = await mkdtemp(join(tmpdir(), "shardmill-kafka-"));
  const ca = await TestCa.make(folder);
  const server = await ca.sign({ name: "server" });
  await writeFile(
    join(folder, "server.pem"),
    `${await readFile(server.key, "utf8")}\n${await readFile(server.cert, "utf8")}`,
    { mode: 0o600 },
  );
  const nodes = await makeNodes(folder, ca.path);
  const stop = async () => {
    await Promise.all(nodes.map((node) => node.server[Symbol.asyncDispose]()));
    await rm(folder, { recursive: true, force: true });
  };
  try {
    await Promise.all(nodes.map(async (node) => await format(folder, node)));
    await Promise.all(nodes.map((node) => node.server.start()));
  } catch (error) {
    await stop();
    throw error;
  }
  const own = nodes.map(({ ports }) => `127.0.0.1:${ports.own}`);
  const serverOf = (id: number) => {
    const node = nodes.find((each) => each.id === id);
    if (node === undefined) throw new Error(`there is no broker ${id}`);
    return node.server;
  };
  let count = 0;
  return {
    folder,
    ca,
    brokers: (access) => nodes.map(({ ports }) => `localhost:${ports[access]}`).join(","),
    async makeQueue(address, leader = 1) {
      count += 1;
      const topic = `rows-${count}`;
      const topics = [topic, `${topic}-aside`, `${topic}-results`];
      await withClient(new Admin({ clientId: "test", bootstrapBrokers: own, retries: 30 }), (admin) =>
        admin.createTopics({ topics, assignments: [{ partition: 0, brokers: leadBy(leader) }] }),
      );
      return {
        address: address(topic),
        deadLetters: address(`${topic}-aside`),
        results: address(`${topic}-results`),
        send: (bodies) => produce(own, topic, bodies),
        takeAside: () => consume(own, `${topic}-aside`),
        takeResults: () => consume(own, `${topic}-results`),
      };
    },
    coordinator: (group) => withMember(own, group, (consumer) => consumer.findGroupCoordinator()),
    leftOf: (group, topic) =>
      withMember(own, group, async (consumer) => {
        const ends = await consumer.listOffsets({ topics: [topic] });
        const settled = await consumer.listCommittedOffsets({ topics: [{ topic, partitions: [0] }] });
        return Number((ends.get(topic)?.[0] ?? 0n) - (settled.get(topic)?.[0] ?? 0n));
      }),
    kill: (id) => serverOf(id).kill(),
    restart: (id) => serverOf(id).start(),
    [Symbol.asyncDispose]: stop,
  };
}

/** Returns all brokers, with the leader first. */
function leadBy(leader: number): number[] {
  return [leader, ...NODES.filter((id) => id !== leader)];
}

/** Uses a consumer that reads facts of a group without joining it. */
async function withMember<T>(
  bootstrapBrokers: string[],
  groupId: string,
  use: (consumer: Consumer) => Promise<T>,
): Promise<T> {
  return await withClient(new Consumer({ clientId: "test", groupId, bootstrapBrokers }), use);
}

async function makeNodes(folder: string, ca: string): Promise<readonly Node[]> {
  const names = ["own", "controller", ...ACCESSES] as const;
  const ports = await freePorts(NODES.length * names.length);
  const portsOf = (index: number) =>
    Object.fromEntries(
      names.map((name, at) => [name, ports[index * names.length + at]] as const),
    ) as Node["ports"];
  const voters = NODES.map((id, index) => `${id}@127.0.0.1:${portsOf(index).controller}`).join(",");
  return await Promise.all(
    NODES.map(async (id, index) => {
      const own = join(folder, String(id));
      await mkdir(own);
      const node = { id, ports: portsOf(index), configuration: join(own, "server.properties") };
      await writeFile(node.configuration, propertiesOf(node, { folder, own, ca, voters }));
      const args = [...java(own, 256), "kafka.Kafka", node.configuration];
      return {
        ...node,
        server: new ServerProcess({ command: "java", args, port: node.ports.own, cwd: own }),
      };
    }),
  );
}

function propertiesOf(
  { id, ports }: Pick<Node, "id" | "ports">,
  { folder, own, ca, voters }: Readonly<Record<"folder" | "own" | "ca" | "voters", string>>,
): string {
  const at = (names: readonly (keyof Node["ports"])[], host: string) =>
    names.map((name) => `${name.toUpperCase()}://${host}:${ports[name]}`).join(",");
  const module = "org.apache.kafka.common.security";
  const plain = `${module}.plain.PlainLoginModule required user_${USER.name}="${USER.password}";`;
  return `process.roles=broker,controller
node.id=${id}
controller.quorum.voters=${voters}
listeners=${at(["own", "controller", ...ACCESSES], "127.0.0.1")}
advertised.listeners=${at(["own"], "127.0.0.1")},${at(ACCESSES, "localhost")}
controller.listener.names=CONTROLLER
inter.broker.listener.name=OWN
listener.security.protocol.map=OWN:PLAINTEXT,CONTROLLER:PLAINTEXT,SCRAM:SASL_SSL,PLAIN:SASL_PLAINTEXT,MUTUAL:SSL
ssl.keystore.type=PEM
ssl.keystore.location=${folder}/server.pem
ssl.truststore.type=PEM
ssl.truststore.location=${ca}
listener.name.mutual.ssl.client.auth=required
listener.name.scram.sasl.enabled.mechanisms=SCRAM-SHA-256,SCRAM-SHA-512
listener.name.scram.scram-sha-256.sasl.jaas.config=${module}.scram.ScramLoginModule required;
listener.name.scram.scram-sha-512.sasl.jaas.config=${module}.scram.ScramLoginModule required;
listener.name.plain.sasl.enabled.mechanisms=PLAIN
listener.name.plain.plain.sasl.jaas.config=${plain}
log.dirs=${own}/data
auto.create.topics.enable=false
min.insync.replicas=2
offsets.topic.replication.factor=3
offsets.topic.num.partitions=1
group.initial.rebalance.delay.ms=0
broker.session.timeout.ms=3000
broker.heartbeat.interval.ms=500
`;
}

/** Formats the storage with the user of SCRAM, which a cluster must have from its start. */
async function format(
  folder: string,
  { id, configuration }: Pick<Node, "id" | "configuration">,
): Promise<void> {
  const user = `[name=${USER.name},password=${USER.password}]`;
  const users = ["SCRAM-SHA-256", "SCRAM-SHA-512"].flatMap((kind) => ["--add-scram", `${kind}=${user}`]);
  const args = ["kafka.tools.StorageTool", "format", "-t", "c2hhcmRtaWxsLXRlc3RzMw", "-c", configuration];
  await promisify(execFile)("java", [...java(join(folder, String(id)), 128), ...args, ...users]);
}
