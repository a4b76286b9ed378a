import { Connection } from "rabbitmq-client";
import { parseAmqp } from "../../extensions/amqp/address.ts";
import { NEVER, sleep } from "../../shared/core/abort.ts";
import { present } from "../../shared/core/assert.ts";
import type { TestQueue } from "../../test/support/queues/broker.ts";
import { median, round } from "../report/report.ts";

export interface Load {
  /** Messages sent at once, as fast as the broker takes them. */
  readonly burst: number;
  /** Messages a second, sent for `seconds`. */
  readonly rate: number;
  readonly seconds: number;
}

/** Limits of a window of gathered messages. */
export interface Window {
  readonly rows: number;
  readonly seconds: number;
}

export interface Measured {
  readonly messagesPerSecond: number;
  readonly p50Ms: number;
  readonly p99Ms: number;
}

/** Interval of checks for results, and of sends. */
const STEP_MS = 20;

/** Options of the results queue, which already exists. */
const RESULTS = { noAck: true, queueOptions: { passive: true } } as const;

export function amqpOf(address: string): { readonly server: string; readonly queue: string } {
  return present(parseAmqp(address), "an address of RabbitMQ");
}

/**
 * Sends rows to the queue's consumer, and waits for all results. Starts with one row, to warm up. Then sends
 * rows at a steady pace, and measures latency. Then sends many at once, and measures throughput.
 */
export async function measure({ address, results }: TestQueue, load: Load): Promise<Measured> {
  const { server, queue } = amqpOf(address);
  const connection = new Connection(server);
  const publisher = connection.createPublisher({ confirm: true });
  const came = new Map<number, number>();
  const consumer = connection.createConsumer({ ...RESULTS, queue: amqpOf(results).queue }, ({ body }) => {
    came.set((JSON.parse(Buffer.from(body as Buffer).toString()) as { id: number }).id, performance.now());
  });
  let count = 0;
  const send = async (messages: number): Promise<void> => {
    const ids = Array.from({ length: messages }, () => {
      count += 1;
      return count;
    });
    const body = (id: number) => Buffer.from(JSON.stringify({ id, x: [id % 7, 1, 2, 3] }));
    await Promise.all(ids.map((id) => publisher.send({ routingKey: queue, durable: true }, body(id))));
  };
  const all = async () => {
    while (came.size < count) await sleep(STEP_MS, NEVER);
  };
  await send(1);
  await all();

  const sentMs = new Map<number, number>();
  const startMs = performance.now();
  for (let sent = 0; sent < load.rate * load.seconds; ) {
    const due = Math.floor(((performance.now() - startMs) / 1_000) * load.rate);
    const some = Math.min(due, load.rate * load.seconds) - sent;
    for (let each = 1; each <= some; each += 1) sentMs.set(count + each, performance.now());
    await Promise.all([send(some), sleep(STEP_MS, NEVER)]);
    sent += some;
  }
  await all();
  const latencies = [...sentMs].map(([id, ms]) => present(came.get(id), "all have come") - ms);
  latencies.sort((a, b) => a - b);

  const burstMs = performance.now();
  await send(load.burst);
  await all();
  const seconds = (performance.now() - burstMs) / 1_000;
  await consumer.close();
  await publisher.close();
  await connection.close();
  return {
    messagesPerSecond: Math.round(load.burst / seconds),
    p50Ms: round(median(latencies)),
    p99Ms: round(latencies[Math.floor(latencies.length * 0.99)] ?? 0),
  };
}
