import { present } from "../../../shared/core/assert.ts";
import { queuePartOf } from "../../../shared/domain/queue-address.ts";
import type { QueueOptions, QueueSink, QueueSource } from "../../../shared/extension/queue-source.ts";
import type { Relay } from "./relay.ts";

/** A broker that is reached by way of a relay: a real one, or the one in memory. */
export interface Broker extends AsyncDisposable {
  readonly relay: Relay;
  /** Opens a source of one of its queues. Default: by address, as the product does. */
  openSource?(queue: TestQueue, options: QueueOptions): Promise<QueueSource>;
  /** Opens a sink of one of its queues. Default: by address, as the product does. */
  openSink?(address: string): Promise<QueueSink>;
  /** Kept over its death: messages that were confirmed, and what was settled. */
  readonly isDurable: boolean;
  /** A queue that nobody has used. */
  makeQueue(): Promise<TestQueue>;
  /** Ends it at once, as a machine that loses its power. */
  kill(): Promise<void>;
  /** After {@link kill}: with all that it had on its disk. */
  restart(): Promise<void>;
}

/** A queue, as others see it. */
export interface TestQueue {
  readonly address: string;
  /** Where messages are set aside; of the same broker. */
  readonly aside: string;
  readonly results: string;
  /** A message is in it once for each text, in this order, when it resolves. */
  send(bodies: readonly string[]): Promise<void>;
  /** Takes what was set aside. */
  takeAside(): Promise<readonly TakenMessage[]>;
  /** Takes what came as a result. */
  takeResults(): Promise<readonly TakenMessage[]>;
}

export interface TakenMessage {
  readonly body: string;
  /** What stands beside the body, by name. */
  readonly about: Readonly<Record<string, string>>;
}

/** Opens what an address names, as the product does. */
export function openedBy(address: string): NonNullable<ReturnType<typeof queuePartOf>> {
  return present(queuePartOf(address), `a broker of ${address}`);
}
