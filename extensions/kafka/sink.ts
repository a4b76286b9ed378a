import { ProduceAcks, Producer, stringSerializer } from "@platformatic/kafka";
import { present } from "../../shared/core/assert.ts";
import type { QueueSink, Result } from "../../shared/extension/queue-source.ts";
import { type KafkaAddress, parseKafka } from "./address.ts";
import { connectionOf, endClient } from "./connection.ts";
import { kafkaFailed, refusedUnheard } from "./refusal.ts";

/** Limit of one request. A broker accepts a MiB in total by default. */
const MOST_BYTES = 512 << 10;
const MOST_MESSAGES = 1_000;

export interface KafkaMessage extends Result {
  readonly headers: Readonly<Record<string, string>>;
}

/** Sends to a Kafka topic. A sent message is on all in-sync replicas. */
export class KafkaSink implements QueueSink {
  readonly #address: KafkaAddress;
  readonly #producer: Producer<string, Buffer, string, string>;
  #wasThere = false;

  constructor(address: string) {
    this.#address = present(parseKafka(address), "the address was checked");
    this.#producer = new Producer({
      ...connectionOf(this.#address),
      serializers: {
        key: stringSerializer,
        value: (value) => value,
        headerKey: stringSerializer,
        headerValue: stringSerializer,
      },
    });
    // Errors are thrown to the callers instead.
    this.#producer.on("error", () => {});
  }

  get address(): string {
    return this.#address.shown;
  }

  async send(results: readonly Result[]): Promise<void> {
    await this.sendMessages(
      results.map((result) => ({ ...result, headers: { messageId: result.messageId } })),
    );
  }

  /**
   * Sends messages, partitioned by their ids, so messages of one id keep their order.
   *
   * @throws {QUEUE_FAILED} when the topic cannot be used
   */
  async sendMessages(messages: readonly KafkaMessage[]): Promise<void> {
    try {
      for (const some of cut(messages)) {
        await this.#producer.send({
          acks: ProduceAcks.ALL,
          messages: some.map(({ messageId, body, headers }) => ({
            topic: this.#address.topic,
            key: messageId,
            value: Buffer.from(body.buffer, body.byteOffset, body.byteLength),
            headers: { ...headers },
          })),
        });
      }
      this.#wasThere = true;
    } catch (error) {
      // Otherwise the library asks a lost broker for five minutes, although other brokers lead its
      // partitions.
      this.#producer.clearMetadata();
      const unheard = this.#wasThere ? null : refusedUnheard(error, this.#address);
      throw unheard ?? kafkaFailed(this.#address, error);
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await endClient(this.#producer);
  }
}

function cut(messages: readonly KafkaMessage[]): KafkaMessage[][] {
  const chunks: KafkaMessage[][] = [];
  let bytes = 0;
  for (const message of messages) {
    const last = chunks.at(-1);
    bytes += message.body.length;
    if (last === undefined || last.length === MOST_MESSAGES || bytes > MOST_BYTES) {
      chunks.push([message]);
      bytes = message.body.length;
    } else {
      last.push(message);
    }
  }
  return chunks;
}
