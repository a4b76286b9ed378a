import { afterAll, beforeAll, describe, expect, test, vi } from "vitest";
import { SqsSource } from "../../extensions/sqs/source.ts";
import { NEVER, sleep } from "../../shared/core/abort.ts";
import { createLogger } from "../../shared/core/log.ts";
import type { Delivery } from "../../shared/extension/queue-source.ts";
import type { SqsBroker } from "../support/queues/sqs-broker.ts";
import { queueContract } from "./queue-contract.ts";

/** Checks the promises of SQS beyond those of all brokers, on a compatible server. */
export function sqsContract(name: string, start: () => Promise<SqsBroker>, isStrict: boolean): void {
  beforeAll(() => {
    vi.stubEnv("AWS_ACCESS_KEY_ID", "x");
    vi.stubEnv("AWS_SECRET_ACCESS_KEY", "x");
    vi.stubEnv("AWS_REGION", "us-east-1");
  });
  afterAll(() => {
    vi.unstubAllEnvs();
  });

  queueContract(`SQS on ${name}`, start, { keepsOrder: false, marksRepeats: true, quietMs: 1_500 });

  // A server that accepts receipts of expired leases never redelivers these messages.
  if (!isStrict) return;
  describe(`the SQS source on ${name}`, () => {
    let broker: SqsBroker;
    beforeAll(async () => {
      broker = await start();
    });
    afterAll(async () => {
      await broker?.[Symbol.asyncDispose]();
    });

    const open = (address: string, leaseSeconds?: number) => {
      const log = createLogger("sqs", "silent");
      return new SqsSource(address, {
        mostOpen: 100,
        deadLetters: null,
        log,
        ...(leaseSeconds === undefined ? {} : { leaseSeconds: { first: leaseSeconds, next: leaseSeconds } }),
      });
    };
    const take = async (deliveries: AsyncIterator<Delivery>, count: number) => {
      const taken: Delivery[] = [];
      while (taken.length < count) taken.push((await deliveries.next()).value as Delivery);
      return taken;
    };
    const textOf = ({ body }: Delivery) => Buffer.from(body).toString();

    test("messages stay leased beyond their first lease until they are acknowledged", async () => {
      const queue = await broker.makeQueue();
      await queue.send(["1", "2", "3"]);
      await using source = open(queue.address, 3);
      const abort = new AbortController();
      const deliveries = source.deliveries(abort.signal);
      const taken = await take(deliveries, 3);
      let isAgain = false;
      const more = deliveries.next().then(({ value }) => {
        isAgain = value !== undefined;
      });
      await sleep(7_000, NEVER);
      expect(isAgain).toBe(false);
      await source.done(taken);
      abort.abort();
      await more;
      expect(await queue.taken(queue.url)).toEqual([]);
    });

    test("messages with an expired lease are delivered again with the same ids and a mark", async () => {
      const queue = await broker.makeQueue();
      await queue.send(["1", "2"]);
      await using source = open(queue.address, 2);
      const abort = new AbortController();
      const deliveries = source.deliveries(abort.signal);
      const before = await take(deliveries, 2);
      broker.relay.cut();
      const others = new Set<unknown>();
      while (others.size < 2) {
        const requested = {
          QueueUrl: queue.url,
          VisibilityTimeout: 1,
          MaxNumberOfMessages: 10,
          WaitTimeSeconds: 1,
        };
        const { Messages = [] } = await broker.boto.call("receive_message", requested);
        for (const { MessageId } of Messages as readonly { readonly MessageId: string }[])
          others.add(MessageId);
      }
      broker.relay.mend();
      const again = await take(deliveries, 2);
      expect(again.map(({ messageId }) => messageId).sort()).toEqual(
        before.map(({ messageId }) => messageId).sort(),
      );
      expect(again.every(({ isAgain }) => isAgain)).toBe(true);
      await source.done(before);
      await source.done(again);
      abort.abort();
      await deliveries.return?.();
      await sleep(2_500, NEVER);
      expect(await queue.taken(queue.url)).toEqual([]);
    });

    test("messages of an ordered queue arrive in order, including returned ones", async () => {
      const queue = await broker.makeQueue({ isOrdered: true });
      const sent = Array.from({ length: 35 }, (_, id) => String(id));
      await queue.send(sent);
      await using source = open(queue.address);
      const deliveries = source.deliveries(new AbortController().signal);
      const first = await take(deliveries, 10);
      expect(first.map(textOf)).toEqual(sent.slice(0, 10));
      await source.done(first.slice(0, 5));
      await source.release(first.slice(5));
      const seen: string[] = [];
      while (seen.length < 30) {
        const [next] = await take(deliveries, 1);
        if (next === undefined) break;
        seen.push(textOf(next));
        await source.done([next]);
      }
      expect(seen).toEqual(sent.slice(5));
    });

    test("invalid messages go to the queue's own dead-letter queue by default", async () => {
      const queue = await broker.makeQueue({ redriveAfter: 5 });
      await queue.send(["good", "bad"]);
      await using source = open(queue.address);
      const taken = await take(source.deliveries(new AbortController().signal), 2);
      const bad = taken.filter((delivery) => textOf(delivery) === "bad");
      await source.deadLetter(bad.map((delivery) => ({ delivery, reason: "MESSAGE_INVALID: it is bad" })));
      await source.done(taken.filter((delivery) => textOf(delivery) === "good"));
      expect(await queue.taken(queue.url)).toEqual([]);
      const dead = await queue.taken(queue.redriven ?? "");
      expect(dead).toMatchObject([{ body: "bad", about: { reason: "MESSAGE_INVALID: it is bad" } }]);
    });

    test("waiting messages are counted", async () => {
      const queue = await broker.makeQueue();
      await queue.send(["1", "2", "3"]);
      await using source = open(queue.address);
      expect(await source.waiting()).toBe(3);
    });
  });
}
