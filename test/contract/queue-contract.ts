import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { NEVER, sleep } from "../../shared/core/abort.ts";
import { createLogger } from "../../shared/core/log.ts";
import type { Delivery, QueueSource } from "../../shared/extension/queue-source.ts";
import { type Broker, openedBy, type TestQueue } from "../support/queues/broker.ts";

export interface QueuePromises {
  /** True when messages keep their order, with one producer and one source. */
  readonly keepsOrder: boolean;
  /** True when a repeated delivery is marked. */
  readonly marksRepeats: boolean;
  /** Time after which no further message arrives. */
  readonly quietMs: number;
}

/** Limit of a wait. The slowest client waits ten seconds before a retry. */
const SOON_MS = 120_000;
const log = createLogger("queue", "silent");

const bodies = (count: number, from = 0) =>
  Array.from({ length: count }, (_, index) => JSON.stringify({ id: from + index }));
const idOf = ({ body }: Pick<Delivery, "body">) =>
  (JSON.parse(Buffer.from(body).toString()) as { id: number }).id;

/** A source, and the consumer of its deliveries. */
class Taker implements AsyncDisposable {
  readonly source: QueueSource;
  readonly #abort = new AbortController();
  readonly #deliveries: AsyncIterator<Delivery>;
  #next: Promise<IteratorResult<Delivery>> | null = null;

  constructor(source: QueueSource) {
    this.source = source;
    this.#deliveries = source.deliveries(this.#abort.signal)[Symbol.asyncIterator]();
  }

  static async of(broker: Broker, queue: TestQueue, mostOpen = 1_000): Promise<Taker> {
    const options = { name: "job", mostOpen, mostBytes: 1 << 30, deadLetters: queue.deadLetters, log };
    return new Taker(
      await (broker.openSource?.(queue, options) ??
        openedBy(queue.address).openSource(queue.address, options)),
    );
  }

  /** Returns the next delivery, or null when none arrives in time. */
  async next(ms = SOON_MS): Promise<Delivery | null> {
    this.#next ??= this.#deliveries.next();
    const late = sleep(ms, NEVER).then(() => null);
    const next = await Promise.race([this.#next, late]);
    if (next === null) return null;
    this.#next = null;
    if (next.done === true) throw new Error("the deliveries have ended");
    return next.value;
  }

  async take(count: number): Promise<Delivery[]> {
    const taken: Delivery[] = [];
    while (taken.length < count) {
      const next = await this.next();
      if (next === null) throw new Error(`${taken.length} of ${count} messages arrived`);
      taken.push(next);
    }
    return taken;
  }

  /** Stops the deliveries, as a drain does. */
  async stop(): Promise<void> {
    this.#abort.abort();
    // A failure was reported to the caller that waited for the next delivery.
    await this.#next?.catch(() => {});
    await this.#deliveries.return?.();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.stop();
    await this.source[Symbol.asyncDispose]();
  }
}

/** Returns the messages that a queue still delivers, and acknowledges them. */
async function leftIn(broker: Broker, queue: TestQueue, quietMs: number): Promise<number[]> {
  await using taker = await Taker.of(broker, queue);
  const left: Delivery[] = [];
  for (let next = await taker.next(quietMs); next !== null; next = await taker.next(quietMs)) left.push(next);
  await taker.source.done(left);
  return left.map(idOf);
}

/**
 * Checks the promises of every queue source and sink, whatever the broker. The suite breaks connections and
 * kills the broker.
 */
export function queueContract(
  name: string,
  start: () => Promise<Broker>,
  { keepsOrder, marksRepeats, quietMs }: QueuePromises,
): void {
  describe(name, () => {
    let broker: Broker;
    beforeAll(async () => {
      broker = await start();
    });
    afterAll(async () => {
      await broker?.[Symbol.asyncDispose]();
    });

    test("every message is delivered once with its own id, and not after acknowledgement", async () => {
      const queue = await broker.makeQueue();
      const sentMs = Date.now();
      await queue.send(bodies(120));
      await using taker = await Taker.of(broker, queue);
      const taken = await taker.take(120);
      expect(new Set(taken.map(idOf)).size).toBe(120);
      if (keepsOrder) expect(taken.map(idOf)).toEqual(bodies(120).map((_, id) => id));
      for (const delivery of taken) {
        expect(delivery.isAgain).toBe(false);
        if (delivery.sentMs !== null) expect(Math.abs(delivery.sentMs - sentMs)).toBeLessThan(SOON_MS);
      }
      const ids = taken.map(({ messageId }) => messageId).filter((id) => id !== null);
      expect(new Set(ids).size).toBe(ids.length);
      await taker.source.done(taken);
      expect(await taker.next(quietMs)).toBeNull();
    });

    test("a returned message is delivered again with the same id", async () => {
      const queue = await broker.makeQueue();
      await queue.send(bodies(30));
      await using taker = await Taker.of(broker, queue);
      const taken = await taker.take(30);
      const back = taken.filter((delivery) => idOf(delivery) % 3 === 0);
      await taker.source.done(taken.filter((delivery) => idOf(delivery) % 3 !== 0));
      await taker.source.release(back);
      const again = await taker.take(back.length);
      const known = (deliveries: readonly Delivery[]) =>
        new Map(deliveries.map((delivery) => [idOf(delivery), delivery.messageId]));
      expect(known(again)).toEqual(known(back));
      if (marksRepeats) expect(again.every(({ isAgain }) => isAgain)).toBe(true);
      await taker.source.done(again);
      expect(await taker.next(quietMs)).toBeNull();
    });

    test("open deliveries stay within their limit, and each acknowledgement allows another", async () => {
      const queue = await broker.makeQueue();
      await queue.send(bodies(40));
      await using taker = await Taker.of(broker, queue, 7);
      const out = await taker.take(7);
      const seen = out.map(idOf);
      expect(await taker.next(quietMs)).toBeNull();
      while (seen.length < 40) {
        await taker.source.done(out.splice(0, 2));
        const more = await taker.take(Math.min(2, 40 - seen.length));
        seen.push(...more.map(idOf));
        out.push(...more);
      }
      expect(new Set(seen).size).toBe(40);
      await taker.source.done(out);
      expect(await taker.next(quietMs)).toBeNull();
    });

    test("an invalid message becomes a dead letter with its reason, and is not delivered again", async () => {
      const queue = await broker.makeQueue();
      await queue.send([...bodies(2), "no JSON", ...bodies(2, 2)]);
      await using taker = await Taker.of(broker, queue);
      const taken = await taker.take(5);
      const isPoison = ({ body }: Delivery) => Buffer.from(body).toString() === "no JSON";
      const reason = "MESSAGE_INVALID: the message is not a JSON object";
      await taker.source.deadLetter(taken.filter(isPoison).map((delivery) => ({ delivery, reason })));
      await taker.source.done(taken.filter((delivery) => !isPoison(delivery)));
      expect(await taker.next(quietMs)).toBeNull();
      const aside = await queue.takeAside();
      expect(aside.map(({ body }) => body)).toEqual(["no JSON"]);
      expect(Object.values(aside[0]?.about ?? {})).toContain(reason);
    });

    test("acknowledging after a lost connection does not fail, and other messages are delivered again", async () => {
      const queue = await broker.makeQueue();
      await queue.send(bodies(60));
      await using taker = await Taker.of(broker, queue);
      const before = await taker.take(60);
      const broken = broker.relay.broken;
      broker.relay.cut();
      expect(broker.relay.broken).toBeGreaterThan(broken);
      setTimeout(() => broker.relay.mend(), 500);
      // Some brokers drop this acknowledgement, and others apply it after the reconnect.
      await taker.source.done(before.slice(0, 30));
      const ids = new Set(before.slice(0, 30).map(idOf));
      await taker.source.release(before.slice(30));
      while (ids.size < 60) {
        const next = await taker.next();
        if (next === null) throw new Error(`only ${ids.size} messages arrived`);
        ids.add(idOf(next));
        await taker.source.done([next]);
      }
      await queue.send(bodies(1, 60));
      for (let id = -1; id !== 60; ) {
        const [next] = await taker.take(1);
        if (next === undefined) continue;
        id = idOf(next);
        await taker.source.done([next]);
      }
    });

    test("every message arrives under one id while connections break and more messages are sent", async () => {
      const queue = await broker.makeQueue();
      const published = new Map<string, number>();
      await using taker = await Taker.of(broker, queue, 300);
      let window: Delivery[] = [];
      let cuts = 0;
      await queue.send(bodies(200));
      const sending = (async () => {
        for (let from = 200; from < 1_000; from += 200) await queue.send(bodies(200, from));
      })();
      while (new Set(published.values()).size < 1_000) {
        const next = await taker.next(window.length === 0 ? SOON_MS : 1_000);
        if (next === null && window.length === 0) throw new Error(`only ${published.size} messages arrived`);
        if (next !== null && published.has(keyOf(next))) await taker.source.done([next]);
        else if (next !== null) window.push(next);
        if (next !== null && window.length < 100) continue;
        for (const delivery of window) published.set(keyOf(delivery), idOf(delivery));
        if (cuts < 4) {
          cuts += 1;
          broker.relay.cut();
          setTimeout(() => broker.relay.mend(), 300);
        }
        await taker.source.done(window);
        window = [];
      }
      await sending;
      expect(published.size).toBe(1_000);
      expect(cuts).toBeGreaterThan(1);
    });

    test("acknowledgements during a drain are kept, and the next consumer gets only other messages", async () => {
      const queue = await broker.makeQueue();
      await queue.send(bodies(120));
      const taker = await Taker.of(broker, queue);
      const taken = await taker.take(100);
      await taker.stop();
      await taker.source.done(taken.slice(0, 70));
      await taker.source.release(taken.slice(70));
      await taker.source[Symbol.asyncDispose]();
      const left = await leftIn(broker, queue, quietMs);
      const done = new Set(taken.slice(0, 70).map(idOf));
      expect(new Set(left)).toEqual(
        new Set(Array.from({ length: 120 }, (_, id) => id).filter((id) => !done.has(id))),
      );
      expect(await leftIn(broker, queue, quietMs)).toEqual([]);
    });

    test("no message is lost when the broker is killed and restarted", async (context) => {
      if (!broker.isDurable) context.skip();
      const queue = await broker.makeQueue();
      await queue.send(bodies(150));
      await using taker = await Taker.of(broker, queue);
      const taken = await taker.take(100);
      await taker.source.done(taken.slice(0, 50));
      const ids = new Set(taken.slice(0, 50).map(idOf));
      await broker.kill();
      const settling = taker.source.done(taken.slice(50));
      await broker.restart();
      await settling;
      for (const delivery of taken.slice(50)) ids.add(idOf(delivery));
      await queue.send(bodies(10, 150));
      while (ids.size < 160) {
        const next = await taker.next();
        if (next === null) throw new Error(`only ${ids.size} messages arrived`);
        ids.add(idOf(next));
        await taker.source.done([next]);
      }
    });

    test("sent results are in their queue, each with the id of its message", async () => {
      const queue = await broker.makeQueue();
      await using sink = await (broker.openSink?.(queue.results) ??
        openedBy(queue.results).openSink(queue.results, { log }));
      const results = bodies(45).map((body, id) => ({ messageId: `window/${id}`, body: Buffer.from(body) }));
      await sink.send(results);
      const taken = await queue.takeResults();
      expect(taken.map(({ body }) => body).sort()).toEqual(bodies(45).sort());
      for (const { body, about } of taken)
        expect(Object.values(about)).toContain(`window/${(JSON.parse(body) as { id: number }).id}`);
    });

    test("receiving from and sending to a missing queue fail with QUEUE_FAILED", async () => {
      const queue = await broker.makeQueue();
      const address = queue.address.replace(/rows-/, "nothing-");
      await using taker = await Taker.of(broker, { ...queue, address });
      await expect(taker.next()).rejects.toMatchObject({ code: "QUEUE_FAILED" });
      await using sink = await (broker.openSink?.(address) ?? openedBy(address).openSink(address, { log }));
      await expect(sink.send([{ messageId: "a", body: Buffer.from("{}") }])).rejects.toMatchObject({
        code: "QUEUE_FAILED",
      });
    });
  });
}

function keyOf(delivery: Delivery): string {
  return delivery.messageId ?? String(idOf(delivery));
}
