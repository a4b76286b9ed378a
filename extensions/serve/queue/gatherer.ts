import { present } from "../../../shared/core/assert.ts";
import type { Delivery, FailedDelivery } from "../../../shared/extension/queue-source.ts";
import type { WindowLimits } from "../spec/queue-spec.ts";
import { KeyLedger } from "./key-ledger.ts";
import type { WindowId } from "./window-id.ts";

/** Message as a part of a window. */
export interface Message<Item> {
  /** Digest that identifies the message when it is delivered again. */
  readonly key: string;
  /** Rows or files of the message. */
  readonly items: readonly Item[];
}

/** Window that takes no more messages. Messages are in order of arrival, one for each key. */
export interface ClosedWindow<Item> {
  readonly id: WindowId;
  readonly messages: readonly Message<Item>[];
}

/**
 * Handling of a delivery.
 * - `gathered`: added to the open window.
 * - `held`: its message is already in a window, and will be acknowledged with that.
 * - `done`: its message was published before, so it can be acknowledged.
 * - `dead-letter`: its message is invalid, or became a dead letter before. So this delivery becomes one, too.
 */
export type Verdict =
  | { readonly kind: "gathered" | "held" | "done" }
  | { readonly kind: "dead-letter"; readonly reason: string };

/** Deliveries to acknowledge and to dead-letter after a window is published. */
export interface Acknowledgement {
  readonly done: readonly Delivery[];
  readonly failed: readonly FailedDelivery[];
}

/** Reasons of messages that are in no output, by key. */
export type FailedKeys = ReadonlyMap<string, string>;

interface Held<Item> {
  readonly message: Message<Item>;
  readonly deliveries: Delivery[];
}

interface OpenWindow<Item> {
  /** Arrival of the first message, by a monotonic clock. */
  readonly firstMs: number;
  readonly held: Map<string, Held<Item>>;
  items: number;
  bytes: number;
}

/**
 * Decides how deliveries are handled, and which messages form a window. However often a message is delivered,
 * it is in one window once. All its deliveries are acknowledged after that window is published, never before.
 *
 * Pure state without clock or I/O. The caller spools a closed window, runs it, and reports its publication.
 */
export class Gatherer<Item> {
  readonly #limits: WindowLimits;
  readonly #ledger: KeyLedger;
  readonly #inFlight = new Map<string, ReadonlyMap<string, Delivery[]>>();
  /** Deliveries of each message in a closed window. */
  readonly #waiting = new Map<string, Delivery[]>();
  #open: OpenWindow<Item> | null = null;

  constructor(limits: WindowLimits, rememberMs: number) {
    this.#limits = limits;
    this.#ledger = new KeyLedger(rememberMs);
  }

  /** Restores a window that a previous process closed, and did not acknowledge. */
  restoreClosed(id: WindowId, keys: readonly string[]): void {
    const held = new Map(keys.map((key) => [key, [] as Delivery[]]));
    this.#inFlight.set(id, held);
    for (const [key, deliveries] of held) this.#waiting.set(key, deliveries);
  }

  /**
   * Restores a window that a previous process published and acknowledged.
   *
   * @param dead reasons of messages that are in no output
   * @param atMs time of acknowledgement, by the wall clock
   */
  restoreAcknowledged(
    id: WindowId,
    keys: readonly string[],
    { failedKeys, atMs }: { readonly failedKeys: FailedKeys; readonly atMs: number },
  ): void {
    this.#ledger.add(id, keys, failedKeys);
    this.#ledger.acknowledged(id, atMs);
  }

  /** Number of windows that are closed and not acknowledged. */
  get inFlight(): number {
    return this.#inFlight.size;
  }

  get keys(): number {
    return this.#ledger.size;
  }

  /** Fill level of the open window, from 0 to 1: the higher one of rows and bytes. */
  get fill(): number {
    const { items = 0, bytes = 0 } = this.#open ?? {};
    return Math.min(1, Math.max(items / this.#limits.rows, bytes / this.#limits.bytes));
  }

  /**
   * Returns the time of the oldest delivery that is not acknowledged. Null: there is none.
   *
   * @param at time of a delivery
   */
  oldest(at: (delivery: Delivery) => number): number | null {
    let oldest: number | null = null;
    const open = [...(this.#open?.held.values() ?? [])].map(({ deliveries }) => deliveries);
    for (const [first] of [...open, ...this.#waiting.values()]) {
      if (first !== undefined) oldest = Math.min(oldest ?? Number.POSITIVE_INFINITY, at(first));
    }
    return oldest;
  }

  /** True when there is room for another delivery. Otherwise none may be requested. */
  get takes(): boolean {
    return !this.#isFull || this.#inFlight.size < this.#limits.open;
  }

  /**
   * Decides how a delivery is handled.
   *
   * @param nowMs by a monotonic clock
   */
  offer(delivery: Delivery, message: Message<Item>, nowMs: number): Verdict {
    const { key } = message;
    const acknowledged = this.#ledger.find(key);
    if (acknowledged !== null)
      return acknowledged.reason === null
        ? { kind: "done" }
        : { kind: "dead-letter", reason: acknowledged.reason };
    const deliveries = this.#waiting.get(key) ?? this.#open?.held.get(key)?.deliveries;
    if (deliveries !== undefined) {
      deliveries.push(delivery);
      return { kind: "held" };
    }
    this.#open ??= { firstMs: nowMs, held: new Map(), items: 0, bytes: 0 };
    this.#open.held.set(key, { message, deliveries: [delivery] });
    this.#open.items += message.items.length;
    this.#open.bytes += delivery.body.length;
    return { kind: "gathered" };
  }

  /**
   * Returns the time until the open window must be closed. Null: there is none, or no room for another closed
   * window.
   */
  closesInMs(nowMs: number): number | null {
    if (this.#open === null || this.#inFlight.size >= this.#limits.open) return null;
    return this.#isFull ? 0 : Math.max(0, this.#open.firstMs + this.#limits.ms - nowMs);
  }

  /**
   * Closes the open window.
   *
   * @param id id of the window from now on
   */
  close(id: WindowId): ClosedWindow<Item> {
    const { held } = present(this.#open, "a window that is closed was open");
    this.#open = null;
    const deliveries = new Map([...held].map(([key, each]) => [key, each.deliveries]));
    this.#inFlight.set(id, deliveries);
    for (const [key, each] of deliveries) this.#waiting.set(key, each);
    return { id, messages: [...held.values()].map(({ message }) => message) };
  }

  /**
   * Marks a window's run as published, and remembers its messages' keys.
   *
   * @param failedKeys reasons of messages that are in no output
   */
  acknowledge(id: WindowId, failedKeys: FailedKeys): Acknowledgement {
    const held = present(this.#inFlight.get(id), "an acknowledged window was closed");
    this.#inFlight.delete(id);
    const done: Delivery[] = [];
    const failed: FailedDelivery[] = [];
    for (const [key, deliveries] of held) {
      this.#waiting.delete(key);
      const reason = failedKeys.get(key);
      if (reason === undefined) done.push(...deliveries);
      else failed.push(...deliveries.map((delivery) => ({ delivery, reason })));
    }
    this.#ledger.add(id, [...held.keys()], failedKeys);
    return { done, failed };
  }

  /**
   * Marks a window as acknowledged. The window's keys are forgotten after a while.
   *
   * @param atMs by the wall clock
   */
  acknowledged(id: WindowId, atMs: number): void {
    this.#ledger.acknowledged(id, atMs);
  }

  /**
   * Forgets keys of windows that were acknowledged long ago.
   *
   * @returns these windows
   */
  forget(wallMs: number): readonly WindowId[] {
    return this.#ledger.forget(wallMs);
  }

  /** Drops the open window, and returns its deliveries for release. */
  drain(): readonly Delivery[] {
    const open = [...(this.#open?.held.values() ?? [])];
    this.#open = null;
    return open.flatMap(({ deliveries }) => deliveries);
  }

  get #isFull(): boolean {
    return this.fill >= 1;
  }
}
