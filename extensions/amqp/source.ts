import type { AsyncMessage, Channel } from "rabbitmq-client";
import { orAbort, sleep } from "../../shared/core/abort.ts";
import { present } from "../../shared/core/assert.ts";
import { messageOf } from "../../shared/core/errors.ts";
import type {
  Delivery,
  FailedDelivery,
  QueueOptions,
  QueueSource,
} from "../../shared/extension/queue-source.ts";
import { type AmqpAddress, parseAmqp } from "./address.ts";
import { AmqpConnection } from "./connection.ts";
import { isRefusal, queueFailed } from "./refusal.ts";
import { AmqpSink } from "./sink.ts";

/** Origin of a delivery. A tag is valid on its own channel, and closes any other. */
interface Origin {
  readonly channel: Consuming;
  readonly tag: number;
}

/** Channel with the tags of its unacknowledged deliveries, in order of arrival. */
interface Consuming {
  readonly channel: Channel;
  readonly open: Set<number>;
  /** Total size of the bodies that arrived on the channel. */
  bytes: number;
  /** Null: the channel does not consume yet. */
  consumerTag: string | null;
  isLost: boolean;
}

/** First prefetch, while the size of messages is unknown: RabbitMQ's largest have 16 MiB. */
const FIRST_PREFETCH = 64;
/** Limit of AMQP, which has 16 bits for the prefetch. */
const MOST_PREFETCH = 65_535;
/**
 * Delay before the next attempt when a running broker refuses a channel, for example without a queue leader.
 */
const RETRY_MS = 1_000;

/**
 * Messages of a RabbitMQ queue. Unacknowledged messages of a lost channel arrive again on the next channel.
 */
export class AmqpSource implements QueueSource {
  readonly #address: AmqpAddress;
  readonly #options: QueueOptions;
  readonly #connection: AmqpConnection;
  readonly #deadLetterQueue: AmqpSink | null;
  readonly #origins = new WeakMap<Delivery, Origin>();
  #current: Consuming | null = null;
  /** Deliveries that arrived and are not consumed yet. */
  #inbox: Delivery[] = [];
  #wake: () => void = () => {};
  #wasThere = false;

  constructor(address: string, options: QueueOptions) {
    const { name, log, deadLetters } = options;
    this.#address = present(parseAmqp(address), "the address was checked");
    this.#options = options;
    this.#connection = new AmqpConnection(this.#address, name, log);
    this.#deadLetterQueue = deadLetters === null ? null : new AmqpSink(deadLetters, { log });
  }

  get address(): string {
    return this.#address.shown;
  }

  async *deliveries(signal: AbortSignal): AsyncGenerator<Delivery> {
    const onAbort = () => this.#wake();
    signal.addEventListener("abort", onAbort);
    try {
      while (!signal.aborted) {
        const consuming = await this.#consume(signal);
        if (consuming === null) continue;
        while (!signal.aborted) {
          const next = this.#inbox.shift();
          if (next !== undefined) yield next;
          else if (consuming.isLost) break;
          else await this.#woken(signal);
        }
      }
    } finally {
      signal.removeEventListener("abort", onAbort);
      await this.#stop();
      await this.release(this.#inbox.splice(0));
    }
  }

  async done(deliveries: readonly Delivery[]): Promise<void> {
    for (const [consuming, tags] of this.#byChannel(deliveries)) {
      const upTo = coveredUpTo(consuming.open, tags);
      if (upTo !== null) consuming.channel.basicAck({ deliveryTag: upTo, multiple: true });
      for (const tag of tags) {
        consuming.open.delete(tag);
        if (upTo === null || tag > upTo) consuming.channel.basicAck({ deliveryTag: tag });
      }
    }
  }

  async deadLetter(failed: readonly FailedDelivery[]): Promise<void> {
    if (this.#deadLetterQueue === null) {
      this.#reject(
        failed.map(({ delivery }) => delivery),
        false,
      );
      return;
    }
    const { queue } = this.#address;
    await this.#deadLetterQueue.send(
      failed.map(({ delivery: { messageId, body }, reason }) => ({
        messageId: messageId ?? "",
        body,
        headers: { reason, queue },
      })),
    );
    await this.done(failed.map(({ delivery }) => delivery));
  }

  async release(deliveries: readonly Delivery[]): Promise<void> {
    this.#reject(deliveries, true);
  }

  async waiting(): Promise<number | null> {
    const { channel } = this.#current ?? {};
    if (!channel?.active) return null;
    const declared = await channel
      .queueDeclare({ queue: this.#address.queue, passive: true })
      .catch(() => null);
    return declared?.messageCount ?? null;
  }

  /**
   * Closes the channel first: acknowledgements precede its close, but closing the connection could overtake
   * them.
   */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.#current?.channel.close();
    await this.#connection[Symbol.asyncDispose]();
    await this.#deadLetterQueue?.[Symbol.asyncDispose]();
  }

  async #consume(signal: AbortSignal): Promise<Consuming | null> {
    const { queue } = this.#address;
    try {
      const channel = await orAbort(this.#connection.openChannel(), signal);
      const consuming: Consuming = { channel, open: new Set(), consumerTag: null, isLost: false, bytes: 0 };
      channel.on("error", (error: unknown) => this.#warn(error));
      channel.on("close", () => this.#lose(consuming));
      channel.on("basic.cancel", () => void channel.close());
      await channel.queueDeclare({ queue, passive: true });
      this.#wasThere = true;
      this.#current = consuming;
      const { mostOpen } = this.#options;
      const isFew = mostOpen <= FIRST_PREFETCH;
      await this.#begin(consuming, isFew ? mostOpen : FIRST_PREFETCH, isFew ? null : FIRST_PREFETCH);
      return consuming;
    } catch (error) {
      // A queue that existed may come back with its broker.
      if (isRefusal(error, this.#address) && !this.#wasThere) throw queueFailed(this.#address, error);
      if (signal.aborted) return null;
      this.#warn(error);
      await sleep(RETRY_MS, signal).catch(() => {});
      return null;
    }
  }

  /** @param widensAfter number of messages after which the prefetch is widened, or null for never */
  async #begin(consuming: Consuming, prefetchCount: number, widensAfter: number | null): Promise<void> {
    const { channel } = consuming;
    const { queue } = this.#address;
    let left = widensAfter;
    await channel.basicQos({ prefetchCount });
    const { consumerTag } = await channel.basicConsume({ queue }, (message) => {
      this.#receive(consuming, message);
      if (left === null) return;
      left -= 1;
      if (left === 0) void this.#widen(consuming, prefetchCount).catch((error: unknown) => this.#warn(error));
    });
    consuming.consumerTag = consumerTag;
  }

  /** Raises the prefetch to the limits of the options, by the average size of the first messages. */
  async #widen(consuming: Consuming, came: number): Promise<void> {
    const { channel, consumerTag, bytes } = consuming;
    const { mostOpen, mostBytes } = this.#options;
    const most = Math.min(mostOpen, MOST_PREFETCH, Math.floor(mostBytes / Math.max(1, bytes / came))) - came;
    if (most <= came || consumerTag === null || !channel.active) return;
    await channel.basicCancel(consumerTag);
    await this.#begin(consuming, most, null);
  }

  #receive(
    consuming: Consuming,
    { deliveryTag: tag, messageId, timestamp, redelivered, body }: AsyncMessage,
  ) {
    const delivery: Delivery = {
      messageId: messageId === undefined || messageId === "" ? null : messageId,
      body: body as Buffer,
      sentMs: timestamp === undefined ? null : timestamp * 1_000,
      isAgain: redelivered,
    };
    consuming.open.add(tag);
    consuming.bytes += body.length;
    this.#origins.set(delivery, { channel: consuming, tag });
    this.#inbox.push(delivery);
    this.#wake();
  }

  #lose(consuming: Consuming): void {
    consuming.isLost = true;
    consuming.open.clear();
    if (this.#current === consuming) {
      this.#current = null;
      this.#inbox = [];
    }
    this.#wake();
  }

  #byChannel(deliveries: readonly Delivery[]): Map<Consuming, number[]> {
    const found = new Map<Consuming, number[]>();
    for (const delivery of deliveries) {
      const { channel, tag } = this.#origins.get(delivery) ?? {};
      // Skips deliveries of a lost channel and those already acknowledged.
      if (channel === undefined || tag === undefined || !channel.open.has(tag) || !channel.channel.active)
        continue;
      const tags = found.get(channel);
      if (tags === undefined) found.set(channel, [tag]);
      else tags.push(tag);
    }
    return found;
  }

  #reject(deliveries: readonly Delivery[], requeue: boolean): void {
    for (const [{ channel, open }, tags] of this.#byChannel(deliveries)) {
      for (const tag of tags) {
        open.delete(tag);
        channel.basicNack({ deliveryTag: tag, requeue });
      }
    }
  }

  /** Stops deliveries. Open deliveries can still be acknowledged. */
  async #stop(): Promise<void> {
    const { channel, consumerTag } = this.#current ?? {};
    if (channel?.active && consumerTag) await channel.basicCancel(consumerTag).catch(() => {});
  }

  #warn(error: unknown): void {
    this.#options.log.warn(
      { queue: this.address, reason: messageOf(error) },
      "a queue is unavailable, retrying",
    );
  }

  async #woken(signal: AbortSignal): Promise<void> {
    await new Promise<void>((resolve) => {
      this.#wake = resolve;
      if (signal.aborted) resolve();
    });
    this.#wake = () => {};
  }
}

/**
 * Returns the highest tag up to which every open delivery is in `tags`. Null: none. One call can acknowledge
 * all deliveries up to this tag.
 */
function coveredUpTo(open: ReadonlySet<number>, tags: readonly number[]): number | null {
  const acknowledged = new Set(tags);
  let upTo: number | null = null;
  for (const tag of open) {
    if (!acknowledged.has(tag)) break;
    upTo = tag;
  }
  return upTo;
}
