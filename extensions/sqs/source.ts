import { randomUUID } from "node:crypto";
import { joined, sleep } from "../../shared/core/abort.ts";
import { present } from "../../shared/core/assert.ts";
import { backoffMs } from "../../shared/core/backoff.ts";
import { isShardmillError, messageOf } from "../../shared/core/errors.ts";
import { jsonObject } from "../../shared/core/json-object.ts";
import type {
  Delivery,
  FailedDelivery,
  QueueOptions,
  QueueSource,
} from "../../shared/extension/queue-source.ts";
import { logNoDeadLetterQueue } from "../broker/no-dead-letter-queue.ts";
import { parseSqs, type SqsAddress } from "./address.ts";
import { MOST_ENTRIES } from "./batch.ts";
import { SqsClient } from "./client.ts";
import { type LeaseSeconds, Leases } from "./leases.ts";
import { sendMessages } from "./sink.ts";

interface SqsOptions extends Pick<QueueOptions, "mostOpen" | "deadLetters" | "log"> {
  /** Durations of leases. Default: {@link LEASE_SECONDS}. */
  readonly leaseSeconds?: LeaseSeconds;
}

/**
 * Default durations of leases. A message that was lost with a connection arrives again after the first
 * duration. Most messages are acknowledged within a third of it. Other leases are extended after each third,
 * ten in a call. With short extensions, long windows of thousands of messages would cause hundreds of calls a
 * second.
 */
const LEASE_SECONDS = { first: 30, next: 120 };
/**
 * Wait of a poll for its first message, which also limits a drain. SQS continues an aborted poll for its full
 * time, and that poll would receive returned messages.
 */
const POLL_SECONDS = 5;
const LEAST_POLL_MS = 500;
/**
 * Limit of concurrent polls while messages wait. Each returns ten messages, in some 20 ms within a region.
 */
const MOST_POLLS = 16;
const PAUSES = { firstMs: 500, maxMs: 10_000 };

/** Messages of an SQS queue, received by long polls and leased until they are acknowledged. */
export class SqsSource implements QueueSource {
  readonly #client: SqsClient;
  readonly #options: SqsOptions;
  /** Dead-letter queue. Null: the queue's own dead-letter queue, if it has one. */
  readonly #deadLetterQueue: SqsAddress | null;
  readonly #leaseSeconds: LeaseSeconds;
  readonly #closed = new AbortController();
  /** Leases of unacknowledged messages, those of the inbox included. */
  readonly #leases: Leases;
  #inbox: Delivery[] = [];
  /** Messages that running polls may receive. */
  #reserved = 0;
  readonly #polls = new Set<Promise<void>>();
  #wantedPolls = 1;
  #failures = 0;
  #failure: unknown = null;
  #wake: () => void = () => {};
  #deadLetters: Promise<SqsAddress | null> | null = null;
  #pulls: AbortSignal | null = null;

  constructor(address: string, options: SqsOptions) {
    const { deadLetters } = options;
    this.#client = new SqsClient(present(parseSqs(address), "the address was checked"));
    this.#options = options;
    this.#deadLetterQueue =
      deadLetters === null ? null : present(parseSqs(deadLetters), "the address was checked");
    this.#leaseSeconds = options.leaseSeconds ?? LEASE_SECONDS;
    this.#leases = new Leases(this.#client, {
      seconds: this.#leaseSeconds,
      closed: this.#closed.signal,
      onRoom: (lapsed) => this.#makeRoom(lapsed),
      onFailure: (error) => this.#warn(error),
    });
  }

  get address(): string {
    return this.#client.address.shown;
  }

  async *deliveries(signal: AbortSignal): AsyncGenerator<Delivery, void, undefined> {
    using both = joined(signal, this.#closed.signal);
    this.#pulls = both.signal;
    const onAbort = () => this.#wake();
    both.signal.addEventListener("abort", onAbort, { once: true });
    try {
      this.#pull();
      while (!both.signal.aborted) {
        const next = this.#inbox.shift();
        if (next !== undefined) yield next;
        else if (this.#failure !== null) throw this.#failure;
        else await this.#woken(both.signal);
      }
    } finally {
      this.#pulls = null;
      both.signal.removeEventListener("abort", onAbort);
      await this.#stop();
    }
  }

  async done(deliveries: readonly Delivery[]): Promise<void> {
    await this.#leases.end(deliveries, "DeleteMessageBatch");
  }

  async deadLetter(failed: readonly FailedDelivery[]): Promise<void> {
    const { address } = this.#client;
    const place = this.#deadLetterQueue ?? (await this.#ownDeadLetters());
    if (place === null) logNoDeadLetterQueue(this.#options.log, address.shown, failed);
    const messages = failed.map(({ delivery, reason }) => ({
      messageId: delivery.messageId ?? "",
      groupId: this.#leases.groupOf(delivery),
      body: delivery.body,
      attributes: { reason: reason.slice(0, 1_000), queue: address.shown },
    }));
    if (place !== null) await sendMessages(this.#client, place, messages, this.#closed.signal);
    await this.done(failed.map(({ delivery }) => delivery));
  }

  async release(deliveries: readonly Delivery[]): Promise<void> {
    await this.#leases.end(deliveries, "ChangeMessageVisibilityBatch", { VisibilityTimeout: 0 });
  }

  async waiting(): Promise<number | null> {
    const name = "ApproximateNumberOfMessages";
    const text = (await this.#attributes(name).catch(() => ({ [name]: undefined })))[name];
    return typeof text === "string" && /^\d+$/.test(text) ? Number(text) : null;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#leases[Symbol.dispose]();
    this.#closed.abort(new Error("the queue is closed"));
    this.#client[Symbol.dispose]();
  }

  /** Returns the unconsumed messages. */
  async #stop(): Promise<void> {
    const enough = new AbortController();
    const late = sleep((POLL_SECONDS + 2) * 1_000, enough.signal).catch(() => {});
    await Promise.race([Promise.all(this.#polls), late]);
    enough.abort();
    const unread = this.#inbox;
    this.#inbox = [];
    if (this.#closed.signal.aborted) return;
    await this.release(unread).catch((error: unknown) => this.#warn(error));
  }

  /** Starts polls up to the limit of open messages while a consumer exists. */
  #pull(): void {
    const signal = this.#pulls;
    // The consumer may not have noticed the end of the deliveries yet.
    if (signal === null || signal.aborted) return;
    while (this.#failure === null && this.#polls.size < this.#wantedPolls) {
      const most = Math.min(MOST_ENTRIES, this.#options.mostOpen - this.#leases.size - this.#reserved);
      if (most <= 0) return;
      this.#reserved += most;
      const poll = this.#poll(most, signal).finally(() => {
        this.#polls.delete(poll);
        this.#reserved -= most;
        this.#pull();
        this.#wake();
      });
      this.#polls.add(poll);
    }
  }

  /** @param signal ends a pause, but no poll */
  async #poll(most: number, signal: AbortSignal): Promise<void> {
    const requestedMs = performance.now();
    try {
      const requested = { signal: this.#closed.signal };
      const { Messages } = await this.#client.call("ReceiveMessage", this.#polled(most), requested);
      const messages = Array.isArray(Messages) ? (Messages as readonly SqsReceived[]) : [];
      for (const message of messages) this.#take(message);
      this.#failures = 0;
      // One poll waits for a first message, and many polls fetch a backlog.
      if (messages.length === 0) {
        this.#wantedPolls = 1;
        // A service without long polls must not be polled constantly.
        await sleep(LEAST_POLL_MS - (performance.now() - requestedMs), signal).catch(() => {});
      } else if (messages.length === most) this.#wantedPolls = Math.min(MOST_POLLS, this.#wantedPolls * 2);
    } catch (error) {
      if (signal.aborted) return;
      if (isShardmillError(error, "QUEUE_FAILED")) this.#failure = error;
      else {
        if (this.#failures === 0) this.#warn(error);
        this.#failures += 1;
        await sleep(backoffMs(this.#failures - 1, PAUSES, Math.random()), signal).catch(() => {});
      }
    }
  }

  #polled(most: number): Readonly<Record<string, unknown>> {
    const isOrdered = this.#client.address.queue.endsWith(".fifo");
    return {
      MaxNumberOfMessages: most,
      WaitTimeSeconds: POLL_SECONDS,
      VisibilityTimeout: this.#leaseSeconds.first,
      MessageSystemAttributeNames: ["ApproximateReceiveCount", "SentTimestamp", "MessageGroupId"],
      // A retry with this id repeats a lost response. Without it, the groups would wait for their leases.
      ...(isOrdered ? { ReceiveRequestAttemptId: randomUUID() } : {}),
    };
  }

  #take({ MessageId, ReceiptHandle, Body, Attributes = {} }: SqsReceived): void {
    const delivery: Delivery = {
      messageId: MessageId,
      body: Buffer.from(Body, "utf8"),
      sentMs: Attributes.SentTimestamp === undefined ? null : Number(Attributes.SentTimestamp),
      isAgain: Number(Attributes.ApproximateReceiveCount ?? 1) > 1,
    };
    this.#leases.take(delivery, { receipt: ReceiptHandle, groupId: Attributes.MessageGroupId ?? null });
    this.#inbox.push(delivery);
    this.#wake();
  }

  /** Drops unconsumed messages whose leases expired, because they arrive again. */
  #makeRoom(lapsed: ReadonlySet<Delivery>): void {
    this.#inbox = this.#inbox.filter((unread) => !lapsed.has(unread));
    this.#pull();
  }

  async #ownDeadLetters(): Promise<SqsAddress | null> {
    this.#deadLetters ??= this.#attributes("RedrivePolicy").then(({ RedrivePolicy: policy }) => {
      const arn = typeof policy === "string" ? jsonObject(policy)?.deadLetterTargetArn : null;
      const [, account, queue] = typeof arn === "string" ? (/:([^:]*):([^:]+)$/.exec(arn) ?? []) : [];
      if (account === undefined || queue === undefined) return null;
      const { href } = new URL(`../${account}/${queue}`, this.#client.address.url);
      return { kind: "sqs", url: href, queue, shown: href };
    });
    this.#deadLetters.catch(() => {
      this.#deadLetters = null;
    });
    return await this.#deadLetters;
  }

  async #attributes(name: string): Promise<Readonly<Record<string, unknown>>> {
    const signal = this.#closed.signal;
    const response = await this.#client.call("GetQueueAttributes", { AttributeNames: [name] }, { signal });
    return typeof response.Attributes === "object" && response.Attributes !== null
      ? { ...response.Attributes }
      : {};
  }

  #warn(error: unknown): void {
    const about = { queue: this.address, reason: messageOf(error) };
    this.#options.log.warn(about, "a queue is unavailable, retrying");
  }

  async #woken(signal: AbortSignal): Promise<void> {
    await new Promise<void>((resolve) => {
      this.#wake = resolve;
      if (signal.aborted || this.#inbox.length > 0 || this.#failure !== null) resolve();
    });
    this.#wake = () => {};
  }
}

/** Message in SQS's form. */
interface SqsReceived {
  readonly MessageId: string;
  readonly ReceiptHandle: string;
  readonly Body: string;
  readonly Attributes?: Readonly<Record<string, string>>;
}
