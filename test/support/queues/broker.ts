import { present } from "../../../shared/core/assert.ts";
import { queuePartOf } from "../../../shared/domain/queue-address.ts";
import type { QueueOptions, QueueSink, QueueSource } from "../../../shared/extension/queue-source.ts";
import type { Relay } from "./relay.ts";

/** A broker behind a relay: a real one, or the one in memory. */
export interface Broker extends AsyncDisposable {
  readonly relay: Relay;
  /** Opens a source of one of its queues. Default: by address, as the product does. */
  openSource?(queue: TestQueue, options: QueueOptions): Promise<QueueSource>;
  /** Opens a sink of one of its queues. Default: by address, as the product does. */
  openSink?(address: string): Promise<QueueSink>;
  /** True when confirmed messages and acknowledgements survive a kill. */
  readonly isDurable: boolean;
  /** Makes an unused queue. */
  makeQueue(): Promise<TestQueue>;
  /** Ends the broker at once, as a power cut would. */
  kill(): Promise<void>;
  /** Starts the broker after {@link kill}, with its files. */
  restart(): Promise<void>;
}

/** A queue, as others see it. */
export interface TestQueue {
  readonly address: string;
  /** Address of the dead-letter queue, in the same broker. */
  readonly deadLetters: string;
  readonly results: string;
  /** Sends a message for each text. Resolves when all are in the queue, in this order. */
  send(bodies: readonly string[]): Promise<void>;
  /** Takes the dead letters. */
  takeAside(): Promise<readonly TakenMessage[]>;
  /** Takes the results. */
  takeResults(): Promise<readonly TakenMessage[]>;
}

export interface TakenMessage {
  readonly body: string;
  /** Properties of the message besides its body, by name. */
  readonly about: Readonly<Record<string, string>>;
}

/** Returns the part that opens an address, as the product does. */
export function openedBy(address: string): NonNullable<ReturnType<typeof queuePartOf>> {
  return present(queuePartOf(address), `a broker of ${address}`);
}
