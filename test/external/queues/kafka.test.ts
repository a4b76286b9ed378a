import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { KafkaSource } from "../../../extensions/kafka/source.ts";
import { createLogger } from "../../../shared/core/log.ts";
import type { Delivery } from "../../../shared/extension/queue-source.ts";
import { queueContract } from "../../contract/queue-contract.ts";
import { type KafkaBroker, startKafka } from "../../support/queues/kafka-broker.ts";

queueContract("Kafka", startKafka, { keepsOrder: true, marksRepeats: false, quietMs: 4_000 });

describe("messages of Kafka", () => {
  let broker: KafkaBroker;
  beforeAll(async () => {
    broker = await startKafka();
  });
  afterAll(async () => {
    await broker?.[Symbol.asyncDispose]();
  });

  const open = (address: string) => {
    const log = createLogger("kafka", "silent");
    return new KafkaSource(address, { name: "job", mostOpen: 1_000, deadLetters: null, log });
  };
  const textOf = ({ body }: Delivery) => Buffer.from(body).toString();
  const texts = (count: number, from = 0) =>
    Array.from({ length: count }, (_, index) => String(from + index));

  test("members of a group share the messages, and none is lost when a member joins or leaves", async () => {
    const queue = await broker.makeQueue({ partitions: 4 });
    const done = new Map<string, string>();
    const others: string[] = [];
    const ends = new AbortController();
    const members: { source: KafkaSource; work: Promise<void>; count: number }[] = [];
    const join = () => {
      const source = open(queue.address);
      const member = { source, work: Promise.resolve(), count: 0 };
      member.work = (async () => {
        let window: Delivery[] = [];
        for await (const delivery of source.deliveries(ends.signal)) {
          window.push(delivery);
          member.count += 1;
          if (window.length < 10) continue;
          for (const each of window) {
            const id = each.messageId ?? "";
            if (done.has(id) && done.get(id) !== textOf(each)) others.push(id);
            done.set(id, textOf(each));
          }
          await source.done(window);
          window = [];
        }
      })();
      members.push(member);
    };
    join();
    await queue.send(texts(200));
    await expect.poll(() => members[0]?.count).toBeGreaterThan(100);
    join();
    // In each partition, some messages are too few for a window. More are sent until all of the first are
    // done.
    let sent = 200;
    const isAll = () => texts(200).every((text) => [...done.values()].includes(text));
    for (let tries = 0; tries < 60 && !(isAll() && (members[1]?.count ?? 0) > 0); tries += 1) {
      await queue.send(texts(100, sent));
      sent += 100;
      await new Promise((resolve) => setTimeout(resolve, 1_000));
    }
    expect(members[1]?.count).toBeGreaterThan(0);
    expect(isAll()).toBe(true);
    // A message is identified by its place, so every delivery of it is equal.
    expect(others).toEqual([]);
    ends.abort();
    for (const { source, work } of members) {
      await work;
      await source[Symbol.asyncDispose]();
    }
    await using source = open(queue.address);
    const rest = new Set<string>(done.values());
    const abort = new AbortController();
    for await (const delivery of source.deliveries(abort.signal)) {
      rest.add(textOf(delivery));
      await source.done([delivery]);
      if (rest.size === sent) break;
    }
    expect(rest.size).toBe(sent);
  });

  test("an unreadable message is acknowledged when there is no dead-letter topic", async () => {
    const queue = await broker.makeQueue();
    await queue.send(["good", "bad"]);
    const take = async (source: KafkaSource, count: number) => {
      const taken: Delivery[] = [];
      for await (const delivery of source.deliveries(new AbortController().signal)) {
        taken.push(delivery);
        if (taken.length === count) break;
      }
      return taken;
    };
    {
      await using source = open(queue.address);
      const [good, bad] = await take(source, 2);
      if (good === undefined || bad === undefined) throw new Error("too few messages");
      await source.deadLetter([{ delivery: bad, reason: "MESSAGE_INVALID: it is bad" }]);
      await source.done([good]);
    }
    await queue.send(["next"]);
    await using source = open(queue.address);
    expect((await take(source, 1)).map(textOf)).toEqual(["next"]);
  });

  test("waiting messages are counted", async () => {
    const queue = await broker.makeQueue({ partitions: 2 });
    await queue.send(texts(5));
    await using source = open(queue.address);
    for await (const delivery of source.deliveries(new AbortController().signal)) {
      await source.done([delivery]);
      break;
    }
    expect(await source.waiting()).toBe(4);
  });
});
