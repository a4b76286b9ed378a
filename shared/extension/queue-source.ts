import type { Logger } from "../core/log.ts";

/** A message as its broker delivered it. It is settled once, or it comes again. */
export interface Delivery {
  /** By which the message is known however often it is delivered; null where its broker gives it none. */
  readonly messageId: string | null;
  readonly body: Uint8Array;
  /** When it was sent, by the broker's clock; null where that is not told. */
  readonly sentMs: number | null;
  /** Whether it was delivered before, as far as the broker tells. */
  readonly isAgain: boolean;
}

/** A delivery that cannot become a row, and why. */
export interface SetAside {
  readonly delivery: Delivery;
  /** For people, and with the code that a program may look at first: `MESSAGE_INVALID: …`. */
  readonly reason: string;
}

/**
 * Where messages come from. It keeps its connection, and what is delivered, by itself: it connects again, has
 * leases of deliveries extended for as long as they are not settled, and takes settling of deliveries that
 * were lost with their connection as what it is: nothing, they come again.
 */
export interface QueueSource extends AsyncDisposable {
  /** Of messages, without credentials. */
  readonly address: string;
  /**
   * The deliveries, until `signal` is aborted. No more than `mostOpen` of its options are out at a time:
   * those that were given and not settled.
   *
   * @throws {QUEUE_FAILED} for what does not mend itself, such as a queue that does not exist
   */
  deliveries(signal: AbortSignal): AsyncIterable<Delivery>;
  /** The broker may forget them. Resolves when it was told, and confirmed it where it can. */
  done(deliveries: readonly Delivery[]): Promise<void>;
  /**
   * Puts them, with their reasons, where the dead letters of the queue are, and then settles them. Where the
   * broker has no such place they are settled all the same: their reasons are in the output.
   */
  setAside(failed: readonly SetAside[]): Promise<void>;
  /** Gives them back: they are delivered again, to whoever asks. */
  giveBack(deliveries: readonly Delivery[]): Promise<void>;
  /** Messages that wait to be delivered; null where that is not known. */
  waiting(): Promise<number | null>;
}

/** What one row became, as a message. */
export interface Result {
  /** The same however often it is sent: whoever reads results tells doubles by it. */
  readonly messageId: string;
  readonly body: Uint8Array;
}

/** Where results go. */
export interface QueueSink extends AsyncDisposable {
  readonly address: string;
  /** They are the broker's when it resolves. @throws {QUEUE_FAILED} */
  send(results: readonly Result[]): Promise<void>;
}

export interface QueueOptions {
  /** Of the job: what a consumer group is called where the address names none. */
  readonly name: string;
  /** Deliveries that are out at a time, at most: less than a window has would hold it up. */
  readonly mostOpen: number;
  /** What they may take in memory together, about: large messages come fewer at a time. */
  readonly mostBytes: number;
  /**
   * The address of the queue for what is set aside, of the same kind; null where the broker's own dead
   * letters are to do.
   */
  readonly aside: string | null;
  readonly log: Logger;
}
