import type { Delivery } from "../../../shared/extension/queue-source.ts";

/** A message in a queue, with its sender's properties. */
export interface Message {
  readonly id: string;
  readonly body: string;
  readonly about: Readonly<Record<string, string>>;
}

interface Held {
  readonly message: Message;
  readonly sentMs: number;
  /** True when a consumer has received it before. */
  readonly isAgain: boolean;
}

interface Options {
  /** Deliveries have an id, a time and a flag for repetition. Some brokers give none of these. */
  readonly describes: boolean;
}

/**
 * The messages of one queue, in order. A delivery belongs to a session. It returns to the queue when the
 * session ends before its acknowledgement.
 */
export class MemoryQueue {
  readonly #options: Options;
  readonly #out = new Map<Delivery, Held & { readonly session: object }>();
  readonly #listeners = new Set<() => void>();
  #waiting: Held[] = [];

  constructor(options: Options) {
    this.#options = options;
  }

  get waitingCount(): number {
    return this.#waiting.length;
  }

  get isEmpty(): boolean {
    return this.#waiting.length + this.#out.size === 0;
  }

  send(messages: readonly Message[]): void {
    this.#waiting.push(...messages.map((message) => ({ message, sentMs: Date.now(), isAgain: false })));
    this.#notify();
  }

  /** Delivers the next message to a session. Returns null if none waits. */
  deliver(session: object): Delivery | null {
    const held = this.#waiting.shift();
    if (held === undefined) return null;
    const { message, sentMs, isAgain } = held;
    const about = this.#options.describes
      ? { messageId: message.id, sentMs, isAgain }
      : { messageId: null, sentMs: null, isAgain: false };
    const delivery = { body: Buffer.from(message.body), ...about };
    this.#out.set(delivery, { ...held, session });
    return delivery;
  }

  /** Removes a delivered message. Returns null if its session has ended. */
  settle(delivery: Delivery): Message | null {
    const message = this.#out.get(delivery)?.message ?? null;
    this.#out.delete(delivery);
    return message;
  }

  /** Returns a delivery to the front of the queue. */
  release(delivery: Delivery): void {
    const held = this.#out.get(delivery);
    if (held === undefined) return;
    this.#out.delete(delivery);
    this.#waiting.unshift({ ...held, isAgain: true });
    this.#notify();
  }

  /** Returns all deliveries of a session to the queue, each at the index that `placeOf` returns. */
  endSession(session: object, placeOf: (waiting: number) => number = () => 0): void {
    const lost = [...this.#out].filter(([, held]) => held.session === session).reverse();
    for (const [delivery, held] of lost) {
      this.#out.delete(delivery);
      this.#waiting.splice(placeOf(this.#waiting.length), 0, { ...held, isAgain: true });
    }
    if (lost.length > 0) this.#notify();
  }

  /** Calls back each time that messages arrive or return. Returns a function that stops this. */
  onMessages(listener: () => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  /** Takes all waiting messages, as a consumer that acknowledges at once does. */
  drain(): readonly Message[] {
    const messages = this.#waiting.map(({ message }) => message);
    this.#waiting = [];
    return messages;
  }

  #notify(): void {
    for (const listener of [...this.#listeners]) listener();
  }
}
