import { ShardmillError } from "../../../shared/core/errors.ts";
import type {
  Delivery,
  FailedDelivery,
  QueueSink,
  QueueSource,
} from "../../../shared/extension/queue-source.ts";
import type { Broker, TestQueue } from "./broker.ts";
import { MemoryQueue, type Message } from "./memory-queue.ts";

/**
 * A broker in memory with the interface of real ones. Queues survive their consumers, and a test can break
 * connections.
 */
export class MemoryBroker implements Broker {
  readonly isDurable = true;
  readonly relay: Broker["relay"];
  readonly #queues = new Map<string, MemoryQueue>();
  readonly #connections = new Set<MemorySource>();
  readonly #returned = new Set<() => void>();
  #isReachable = true;
  #broken = 0;
  #made = 0;

  constructor() {
    const broker = this;
    this.relay = {
      port: 0,
      cut: () => broker.#disconnect(),
      mend: () => broker.#reconnect(),
      get broken() {
        return broker.#broken;
      },
      [Symbol.asyncDispose]: async () => {},
    };
  }

  async makeQueue(): Promise<TestQueue> {
    this.#made += 1;
    const [rows, deadLetters, results] = ["rows", "aside", "results"].map((kind) => `${kind}-${this.#made}`);
    const names = { rows: String(rows), deadLetters: String(deadLetters), results: String(results) };
    for (const name of Object.values(names)) this.#queues.set(name, new MemoryQueue({ describes: true }));
    let sent = 0;
    return {
      address: names.rows,
      deadLetters: names.deadLetters,
      results: names.results,
      send: async (bodies) => {
        this.find(names.rows).send(
          bodies.map((body) => ({ id: `${names.rows}/${sent++}`, body, about: {} })),
        );
      },
      takeAside: async () => this.find(names.deadLetters).drain(),
      takeResults: async () => this.find(names.results).drain(),
    };
  }

  openSource: NonNullable<Broker["openSource"]> = async ({ address, deadLetters }, { mostOpen }) => {
    const source = new MemorySource(this, { address, deadLetters, mostOpen });
    this.#connections.add(source);
    return source;
  };

  openSink: NonNullable<Broker["openSink"]> = async (address) => {
    const sink: QueueSink = {
      address,
      send: async (results) => {
        await this.reached();
        const messages = results.map(({ messageId, body }): Message => {
          return { id: messageId, body: Buffer.from(body).toString(), about: { messageId } };
        });
        this.find(address).send(messages);
      },
      [Symbol.asyncDispose]: async () => {},
    };
    return sink;
  };

  async kill(): Promise<void> {
    this.#disconnect();
  }

  async restart(): Promise<void> {
    this.#reconnect();
  }

  /** Resolves when the broker can be reached. */
  async reached(): Promise<void> {
    while (!this.#isReachable) await new Promise<void>((resolve) => this.#returned.add(resolve));
  }

  /** @throws {QUEUE_FAILED} when no queue has this name */
  find(name: string): MemoryQueue {
    const queue = this.#queues.get(name);
    if (queue === undefined) throw new ShardmillError("QUEUE_FAILED", `there is no queue ${name}`);
    return queue;
  }

  forget(source: MemorySource): void {
    this.#connections.delete(source);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#queues.clear();
  }

  #disconnect(): void {
    this.#isReachable = false;
    this.#broken += this.#connections.size;
    for (const connection of this.#connections) connection.lose();
  }

  #reconnect(): void {
    this.#isReachable = true;
    for (const resolve of this.#returned) resolve();
    this.#returned.clear();
  }
}

interface SourceOptions {
  readonly address: string;
  readonly deadLetters: string;
  readonly mostOpen: number;
}

/**
 * A consumer of one queue. Each connection is a session, whose unacknowledged messages return when it breaks.
 */
class MemorySource implements QueueSource {
  readonly address: string;
  readonly #broker: MemoryBroker;
  readonly #options: SourceOptions;
  /** Null until deliveries are requested. */
  #queue: MemoryQueue | null = null;
  #session: object = {};
  #open = new Set<Delivery>();
  #wake: () => void = () => {};

  constructor(broker: MemoryBroker, options: SourceOptions) {
    this.#broker = broker;
    this.#options = options;
    this.address = options.address;
  }

  async *deliveries(signal: AbortSignal): AsyncGenerator<Delivery> {
    const queue = this.#broker.find(this.address);
    this.#queue = queue;
    const end = queue.onMessages(() => this.#wake());
    const aborted = new Promise((resolve) => signal.addEventListener("abort", resolve, { once: true }));
    try {
      while (!signal.aborted) {
        await Promise.race([this.#broker.reached(), aborted]);
        const woken = new Promise<void>((resolve) => {
          this.#wake = resolve;
        });
        const isFull = this.#open.size >= this.#options.mostOpen;
        const delivery = isFull || signal.aborted ? null : queue.deliver(this.#session);
        if (delivery === null) await Promise.race([woken, aborted]);
        else {
          this.#open.add(delivery);
          yield delivery;
        }
      }
    } finally {
      end();
    }
  }

  async done(deliveries: readonly Delivery[]): Promise<void> {
    for (const delivery of deliveries) this.#settle(delivery);
  }

  async deadLetter(failed: readonly FailedDelivery[]): Promise<void> {
    for (const { delivery, reason } of failed) {
      const message = this.#settle(delivery);
      if (message !== null)
        this.#broker.find(this.#options.deadLetters).send([{ ...message, about: { reason } }]);
    }
  }

  async release(deliveries: readonly Delivery[]): Promise<void> {
    for (const delivery of deliveries.toReversed()) {
      this.#queue?.release(delivery);
      this.#open.delete(delivery);
    }
    this.#wake();
  }

  async waiting(): Promise<number> {
    return this.#broker.find(this.address).waitingCount;
  }

  /** Breaks the connection: the next one is another session. */
  lose(): void {
    this.#queue?.endSession(this.#session);
    this.#session = {};
    this.#open = new Set();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#broker.forget(this);
    this.#queue?.endSession(this.#session);
  }

  #settle(delivery: Delivery): Message | null {
    const message = this.#queue?.settle(delivery) ?? null;
    this.#open.delete(delivery);
    this.#wake();
    return message;
  }
}
