import {
  Consumer,
  ListOffsetTimestamps,
  type Message,
  MessagesStreamFallbackModes,
  MessagesStreamModes,
  type Offsets,
} from "@platformatic/kafka";
import type { Delivery } from "../../shared/extension/queue-source.ts";
import type { KafkaAddress } from "./address.ts";
import { connectionOf, endClient } from "./connection.ts";
import { OpenOffsets } from "./open-offsets.ts";

/** Time after a member's last heartbeat before other members get its partitions. */
const SESSION_MS = 30_000;
const HEARTBEAT_MS = 3_000;
/** Time that all members have to rejoin in a rebalance. */
const REBALANCE_MS = 60_000;
/** Limit of messages read ahead, besides those of one fetch. */
const READ_AHEAD = 1_024;
const FETCH_BYTES = 8 << 20;

type Stream = Awaited<ReturnType<Consumer["consume"]>>;

/** Origin of a delivery. An assignment's deliveries are invalid in the next assignment. */
interface Origin {
  readonly assignment: Assignment;
  readonly partition: number;
  readonly offset: bigint;
}

/** Partitions from one group assignment, with the offsets read since. */
interface Assignment {
  readonly stream: Stream;
  readonly partitions: Map<number, OpenOffsets>;
  readonly committed: Map<number, bigint>;
  isOver: boolean;
  failure: unknown;
}

/**
 * Member of a consumer group, up to the first error that the library does not recover from.
 *
 * Each rebalance makes a new stream that starts at the committed offsets, even for partitions that the member
 * keeps. So a stream always starts at the group's offset, and a committed offset never skips an
 * unacknowledged message.
 */
export class KafkaMember implements AsyncDisposable {
  readonly #topic: string;
  readonly #consumer: Consumer;
  readonly #onNews: () => void;
  readonly #origins = new WeakMap<Delivery, Origin>();
  readonly #open = new Set<Delivery>();
  /** Returned deliveries, in order. */
  #returned: Delivery[] = [];
  #assignment: Assignment | null = null;
  #committing: Promise<void> = Promise.resolve();

  /** @param onNews called when there may be something to read or to refresh */
  constructor(address: KafkaAddress, group: string, onNews: () => void) {
    this.#topic = address.topic;
    this.#onNews = onNews;
    this.#consumer = new Consumer({
      ...connectionOf(address),
      groupId: group,
      autocommit: false,
      sessionTimeout: SESSION_MS,
      heartbeatInterval: HEARTBEAT_MS,
      rebalanceTimeout: REBALANCE_MS,
      maxBytes: FETCH_BYTES,
      highWaterMark: READ_AHEAD,
    });
    this.#consumer.on("error", (error: unknown) => {
      if (this.#assignment !== null) this.#assignment.failure = error;
      onNews();
    });
    this.#consumer.on("consumer:group:join", () => {
      if (this.#assignment !== null) this.#assignment.isOver = true;
      onNews();
    });
  }

  /** Number of unacknowledged deliveries. */
  get openCount(): number {
    return this.#open.size;
  }

  /** True when an assignment is over or has failed, so that {@link refresh} has work to do. */
  get hasNews(): boolean {
    const { isOver = false, failure = null } = this.#assignment ?? {};
    return isOver || failure !== null;
  }

  async join(): Promise<void> {
    this.#assignment = await this.#assign();
  }

  /**
   * Adopts the latest assignment after a rebalance.
   *
   * @throws the errors that the library does not recover from
   */
  async refresh(): Promise<void> {
    const before = this.#assignment;
    if (before?.failure) throw before.failure;
    if (before === null || !before.isOver) return;
    this.#open.clear();
    this.#returned = [];
    // The new stream precedes the end of the old one, because a topic without a stream makes the member
    // rejoin.
    this.#assignment = await this.#assign();
    before.stream.destroy();
  }

  /** Returns the next delivery. Null: none yet. */
  read(): Delivery | null {
    const assignment = this.#assignment;
    if (assignment === null || assignment.isOver) return null;
    const returned = this.#returned.shift();
    if (returned !== undefined) {
      this.#open.add(returned);
      return returned;
    }
    const message = assignment.stream.read() as Message | null;
    if (message === null) return null;
    const { partition, offset, timestamp, value } = message;
    const delivery: Delivery = {
      messageId: `${this.#topic}/${partition}/${offset}`,
      // A tombstone, which marks a deleted key, has no body.
      body: value ?? new Uint8Array(),
      sentMs: Number(timestamp),
      isAgain: false,
    };
    const offsets = assignment.partitions.get(partition) ?? new OpenOffsets();
    assignment.partitions.set(partition, offsets);
    offsets.give(offset);
    this.#origins.set(delivery, { assignment, partition, offset });
    this.#open.add(delivery);
    return delivery;
  }

  acknowledge(deliveries: readonly Delivery[]): void {
    for (const delivery of deliveries) {
      const origin = this.#origins.get(delivery);
      if (origin === undefined || !this.#open.delete(delivery)) continue;
      origin.assignment.partitions.get(origin.partition)?.acknowledge(origin.offset);
    }
  }

  release(deliveries: readonly Delivery[]): void {
    for (const delivery of deliveries) {
      const origin = this.#origins.get(delivery);
      if (origin === undefined || !this.#open.delete(delivery)) continue;
      const again = { ...delivery, isAgain: true };
      this.#origins.set(again, origin);
      this.#returned.push(again);
    }
    const offsetOf = (delivery: Delivery) => this.#origins.get(delivery)?.offset ?? 0n;
    this.#returned.sort((one, other) => (offsetOf(one) < offsetOf(other) ? -1 : 1));
  }

  /**
   * Commits the acknowledged offsets to the group. Commits are sequential, because an older one must not
   * arrive last.
   */
  async commit(): Promise<void> {
    const committed = this.#committing.then(() => this.#commitNow());
    this.#committing = committed.catch(() => {});
    await committed;
  }

  /** Returns the number of messages after the last read one, in this member's partitions. */
  async waiting(): Promise<number> {
    const assigned = this.#consumer.assignments?.flatMap(({ partitions }) => partitions) ?? [];
    const { partitions } = this.#assignment ?? {};
    if (partitions === undefined || assigned.length === 0) return 0;
    const topics = [this.#topic];
    const [ends, begins, committed] = await Promise.all([
      this.#consumer.listOffsets({ topics }),
      this.#consumer.listOffsets({ topics, timestamp: ListOffsetTimestamps.EARLIEST }),
      this.#consumer.listCommittedOffsets({ topics: [{ topic: this.#topic, partitions: assigned }] }),
    ]);
    const of = (offsets: Offsets, partition: number) => offsets.get(this.#topic)?.[partition] ?? -1n;
    let waiting = BigInt(this.#returned.length);
    for (const partition of assigned) {
      const first = [of(committed, partition), of(begins, partition)].find((offset) => offset >= 0n) ?? 0n;
      const next = partitions.get(partition)?.next ?? first;
      const end = of(ends, partition);
      if (end > next) waiting += end - next;
    }
    return Number(waiting);
  }

  /** Leaves the group, so that other members need not wait. */
  async [Symbol.asyncDispose](): Promise<void> {
    // The stream ends first, because the library leaves no group with unread messages.
    this.#assignment?.stream.destroy();
    this.#assignment = null;
    await endClient(this.#consumer);
  }

  async #assign(): Promise<Assignment> {
    const stream = await this.#consumer.consume({
      topics: [this.#topic],
      mode: MessagesStreamModes.COMMITTED,
      fallbackMode: MessagesStreamFallbackModes.EARLIEST,
    });
    const assignment: Assignment = {
      stream,
      partitions: new Map(),
      committed: new Map(),
      isOver: false,
      failure: null,
    };
    stream.on("readable", this.#onNews);
    stream.on("error", (error: unknown) => {
      assignment.failure = error;
      this.#onNews();
    });
    return assignment;
  }

  async #commitNow(): Promise<void> {
    const assignment = this.#assignment;
    if (assignment === null) return;
    const { partitions, committed } = assignment;
    const offsets = [...partitions].flatMap(([partition, { position }]) =>
      position === null || position === committed.get(partition)
        ? []
        : [{ topic: this.#topic, partition, offset: position, leaderEpoch: -1 }],
    );
    if (offsets.length === 0) return;
    await this.#consumer.commit({ offsets });
    for (const { partition, offset } of offsets) committed.set(partition, offset);
  }
}
