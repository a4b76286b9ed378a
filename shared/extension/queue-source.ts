import type { Logger } from "../core/log.ts";

/** Message as its broker delivered it. It is acknowledged once, or delivered again. */
export interface Delivery {
  /** Id that stays the same over deliveries. Null: the broker has none. */
  readonly messageId: string | null;
  readonly body: Uint8Array;
  /** Time of sending by the broker's clock. Null: unknown. */
  readonly sentMs: number | null;
  /** True when the broker reports an earlier delivery. */
  readonly isAgain: boolean;
}

/** Delivery that cannot become a row, with the reason. */
export interface FailedDelivery {
  readonly delivery: Delivery;
  /** Reason for people. It begins with a code for programs: `MESSAGE_INVALID: …`. */
  readonly reason: string;
}

/**
 * Source of messages. It reconnects by itself, and extends the leases of unacknowledged deliveries.
 * Deliveries that were lost with their connection are delivered again. Acknowledging such a delivery has no
 * effect.
 */
export interface QueueSource extends AsyncDisposable {
  /** Address without credentials. */
  readonly address: string;
  /**
   * Yields deliveries until `signal` is aborted. At most `mostOpen` deliveries are unacknowledged at once.
   *
   * @throws {QUEUE_FAILED} for permanent faults, such as a queue that does not exist
   */
  deliveries(signal: AbortSignal): AsyncIterable<Delivery>;
  /**
   * Acknowledges deliveries. Resolves when the broker has the acknowledgement, confirmed if it can confirm.
   */
  done(deliveries: readonly Delivery[]): Promise<void>;
  /**
   * Sends deliveries with their reasons to the queue's dead letters, then acknowledges them. Acknowledges
   * them even if the broker has no dead letters: the output has their reasons.
   */
  deadLetter(failed: readonly FailedDelivery[]): Promise<void>;
  /** Returns deliveries to the broker, which delivers them again to any consumer. */
  release(deliveries: readonly Delivery[]): Promise<void>;
  /** Count of messages that wait for delivery. Null: unknown. */
  waiting(): Promise<number | null>;
}

/** Result of one row, as a message. */
export interface Result {
  /** Id that stays the same when the result is sent again. Readers detect duplicates by it. */
  readonly messageId: string;
  readonly body: Uint8Array;
}

/** Destination of results. */
export interface QueueSink extends AsyncDisposable {
  readonly address: string;
  /** Sends results. Resolves when the broker has them. @throws {QUEUE_FAILED} for permanent faults */
  send(results: readonly Result[]): Promise<void>;
}

export interface QueueOptions {
  /** Name of the job. It is the consumer group if the address names none. */
  readonly name: string;
  /** Limit of unacknowledged deliveries. Less than a window would block it. */
  readonly mostOpen: number;
  /** Approximate limit of their memory. Large messages come fewer at once. */
  readonly mostBytes: number;
  /** Address of the queue for dead letters, of the same kind. Null: the broker's own dead letters. */
  readonly deadLetters: string | null;
  readonly log: Logger;
}
