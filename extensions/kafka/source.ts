import { sleep } from "../../shared/core/abort.ts";
import { present } from "../../shared/core/assert.ts";
import { backoffMs } from "../../shared/core/backoff.ts";
import type { ShardmillError } from "../../shared/core/errors.ts";
import type {
  Delivery,
  FailedDelivery,
  QueueOptions,
  QueueSource,
} from "../../shared/extension/queue-source.ts";
import { logNoDeadLetterQueue } from "../broker/no-dead-letter-queue.ts";
import { type KafkaAddress, parseKafka } from "./address.ts";
import { KafkaMember } from "./member.ts";
import { isRefusal, kafkaFailed, refusedUnheard } from "./refusal.ts";
import { KafkaSink } from "./sink.ts";

type KafkaOptions = Omit<QueueOptions, "mostBytes">;

const PAUSES = { firstMs: 500, maxMs: 10_000 };

/**
 * Messages of a Kafka topic, read as a member of a consumer group. A message id has topic, partition and
 * offset. Kafka cannot acknowledge one message. The group's offset in each partition moves up to the lowest
 * unacknowledged one.
 */
export class KafkaSource implements QueueSource {
  readonly #address: KafkaAddress;
  readonly #options: KafkaOptions;
  readonly #deadLetterQueue: KafkaSink | null;
  readonly #closed = new AbortController();
  #member: KafkaMember | null = null;
  #wasThere = false;
  #failures = 0;
  #wake: () => void = () => {};

  constructor(address: string, options: KafkaOptions) {
    this.#address = present(parseKafka(address), "the address was checked");
    this.#options = options;
    this.#deadLetterQueue = options.deadLetters === null ? null : new KafkaSink(options.deadLetters);
  }

  get address(): string {
    return this.#address.shown;
  }

  async *deliveries(signal: AbortSignal): AsyncGenerator<Delivery, void, undefined> {
    const onAbort = () => this.#wake();
    signal.addEventListener("abort", onAbort, { once: true });
    try {
      while (!signal.aborted) {
        const member = this.#member ?? (await this.#join(signal));
        if (member === null) continue;
        try {
          await member.refresh();
          const next = member.openCount < this.#options.mostOpen ? member.read() : null;
          if (next !== null) yield next;
          else await this.#woken(member, signal);
        } catch (error) {
          await this.#lose(member, error, signal);
        }
      }
    } finally {
      signal.removeEventListener("abort", onAbort);
    }
  }

  async done(deliveries: readonly Delivery[]): Promise<void> {
    const member = this.#member;
    if (member === null) return;
    member.acknowledge(deliveries);
    this.#wake();
    for (let tries = 0; !this.#closed.signal.aborted; tries += 1) {
      try {
        await member.commit();
        return;
      } catch (error) {
        if (isRefusal(error, this.#address)) throw kafkaFailed(this.#address, error);
        // The next owner of the partitions starts at the last committed offsets, so all messages arrive
        // again.
        if (member !== this.#member) return;
        if (tries === 0) this.#warn(error);
        await sleep(backoffMs(tries, PAUSES, Math.random()), this.#closed.signal).catch(() => {});
      }
    }
  }

  async deadLetter(failed: readonly FailedDelivery[]): Promise<void> {
    if (this.#deadLetterQueue === null) logNoDeadLetterQueue(this.#options.log, this.address, failed);
    await this.#deadLetterQueue?.sendMessages(
      failed.map(({ delivery: { messageId, body }, reason }) => ({
        messageId: messageId ?? "",
        body,
        headers: { reason, queue: this.address },
      })),
    );
    await this.done(failed.map(({ delivery }) => delivery));
  }

  /**
   * Requeues deliveries in this member, because Kafka cannot. A later owner of the partitions reads them
   * again, too.
   */
  async release(deliveries: readonly Delivery[]): Promise<void> {
    this.#member?.release(deliveries);
    this.#wake();
  }

  async waiting(): Promise<number | null> {
    return (await this.#member?.waiting().catch(() => null)) ?? null;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#closed.abort(new Error("the queue is closed"));
    await this.#member?.[Symbol.asyncDispose]();
    this.#member = null;
    await this.#deadLetterQueue?.[Symbol.asyncDispose]();
  }

  async #join(signal: AbortSignal): Promise<KafkaMember | null> {
    const group = this.#address.options.get("group") ?? this.#options.name.replace(/\s+/g, "-");
    const member = new KafkaMember(this.#address, group, () => this.#wake());
    try {
      await member.join();
      this.#wasThere = true;
      this.#failures = 0;
      this.#member = member;
      return member;
    } catch (error) {
      await this.#lose(member, error, signal);
      return null;
    }
  }

  /** Drops a failed member with its deliveries. The next member starts at the last committed offsets. */
  async #lose(member: KafkaMember, error: unknown, signal: AbortSignal): Promise<void> {
    this.#member = null;
    await member[Symbol.asyncDispose]();
    // A topic that existed may come back with its broker.
    const refusal = this.#wasThere ? null : this.#refusalOf(error);
    if (refusal !== null) throw refusal;
    if (this.#failures === 0) this.#warn(error);
    await sleep(backoffMs(this.#failures, PAUSES, Math.random()), signal).catch(() => {});
    this.#failures += 1;
  }

  #refusalOf(error: unknown): ShardmillError | null {
    if (isRefusal(error, this.#address)) return kafkaFailed(this.#address, error);
    return refusedUnheard(error, this.#address);
  }

  #warn(error: unknown): void {
    const reason = kafkaFailed(this.#address, error).message;
    const about = { queue: this.address, reason };
    this.#options.log.warn(about, "a queue is unavailable, retrying");
  }

  async #woken(member: KafkaMember, signal: AbortSignal): Promise<void> {
    await new Promise<void>((resolve) => {
      this.#wake = resolve;
      if (signal.aborted || member.hasNews) resolve();
    });
    this.#wake = () => {};
  }
}
