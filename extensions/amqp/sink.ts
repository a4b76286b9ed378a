import type { Channel } from "rabbitmq-client";
import { present } from "../../shared/core/assert.ts";
import type { Logger } from "../../shared/core/log.ts";
import type { QueueSink, Result } from "../../shared/extension/queue-source.ts";
import { type AmqpAddress, parseAmqp } from "./address.ts";
import { AmqpConnection } from "./connection.ts";
import { queueFailed } from "./refusal.ts";

/** Limit of unconfirmed messages, which the channel and the broker keep in memory. */
const UNCONFIRMED = 1_000;

/** Message with optional headers. */
export interface AmqpMessage extends Result {
  readonly headers?: Readonly<Record<string, string>>;
}

/**
 * Sends durable messages to a RabbitMQ queue by the default exchange, and waits for the broker's confirms.
 */
export class AmqpSink implements QueueSink {
  readonly #address: AmqpAddress;
  readonly #connection: AmqpConnection;
  #channel: Promise<Channel> | null = null;

  constructor(address: string, { log }: { readonly log: Logger }) {
    this.#address = present(parseAmqp(address), "the address was checked");
    this.#connection = new AmqpConnection(this.#address, "results", log);
  }

  get address(): string {
    return this.#address.shown;
  }

  async send(messages: readonly AmqpMessage[]): Promise<void> {
    try {
      for (let start = 0; start < messages.length; start += UNCONFIRMED) {
        const channel = await this.#open();
        const some = messages.slice(start, start + UNCONFIRMED);
        await Promise.all(some.map((message) => this.#publish(channel, message)));
      }
    } catch (error) {
      throw queueFailed(this.#address, error);
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const channel = await this.#channel?.catch(() => null);
    await channel?.close();
    await this.#connection[Symbol.asyncDispose]();
  }

  async #publish(channel: Channel, { messageId, body, headers = {} }: AmqpMessage): Promise<void> {
    const envelope = { routingKey: this.#address.queue, durable: true, messageId, headers };
    await channel.basicPublish(envelope, Buffer.from(body.buffer, body.byteOffset, body.byteLength));
  }

  /**
   * Returns an open channel, after a check that the queue exists. The broker confirms and drops messages to a
   * missing queue.
   */
  async #open(): Promise<Channel> {
    const before = await this.#channel?.catch(() => null);
    if (before?.active) return before;
    this.#channel = this.#make();
    return await this.#channel;
  }

  async #make(): Promise<Channel> {
    const channel = await this.#connection.openChannel();
    channel.on("error", () => {});
    await channel.queueDeclare({ queue: this.#address.queue, passive: true });
    await channel.confirmSelect();
    return channel;
  }
}
