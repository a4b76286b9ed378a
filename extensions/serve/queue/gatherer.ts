import { present } from "../../../shared/core/assert.ts";
import type { Delivery, SetAside } from "../../../shared/extension/queue-source.ts";
import type { WindowLimits } from "../spec/queue-spec.ts";
import { KeyLedger } from "./key-ledger.ts";
import type { WindowId } from "./window-id.ts";

/** A message as what it is to a window. */
export interface Message<Item> {
  /** The digest by which it is known when it comes again. */
  readonly key: string;
  /** Its rows, or its files. */
  readonly items: readonly Item[];
}

/** A window that takes no more messages, each key once, in the order in which they came. */
export interface ClosedWindow<Item> {
  readonly id: WindowId;
  readonly messages: readonly Message<Item>[];
}

/**
 * What becomes of a delivery. `gathered`: it is in the window that is open. `held`: its message is in a
 * window already, and it is settled with that. `done`: what it says is published. `aside`: ... as a dead
 * letter.
 */
export type Verdict =
  | { readonly kind: "gathered" | "held" | "done" }
  | { readonly kind: "aside"; readonly reason: string };

/** What a window says about its messages when it is published. */
export interface Settlement {
  readonly done: readonly Delivery[];
  readonly aside: readonly SetAside[];
}

/** By key: why messages are in no output. */
export type DeadKeys = ReadonlyMap<string, string>;

interface Held<Item> {
  readonly message: Message<Item>;
  readonly deliveries: Delivery[];
}

interface OpenWindow<Item> {
  /** When its first message came, by a clock that only goes forward. */
  readonly firstMs: number;
  readonly held: Map<string, Held<Item>>;
  items: number;
  bytes: number;
}

/**
 * Decides what becomes of deliveries, and what is a window. A message is in one window and once in that,
 * however often it is delivered, and every delivery of it is settled when that is published, never before.
 *
 * It has no clock and does nothing: whoever calls it spools a closed window, runs it, and tells that it was
 * published.
 */
export class Gatherer<Item> {
  readonly #limits: WindowLimits;
  readonly #ledger: KeyLedger;
  readonly #inFlight = new Map<string, ReadonlyMap<string, Delivery[]>>();
  /** The deliveries of each message that is in a closed window. */
  readonly #waiting = new Map<string, Delivery[]>();
  #open: OpenWindow<Item> | null = null;

  constructor(limits: WindowLimits, rememberMs: number) {
    this.#limits = limits;
    this.#ledger = new KeyLedger(rememberMs);
  }

  /** Of a life before: a window that is closed and not settled. */
  restoreClosed(id: WindowId, keys: readonly string[]): void {
    const held = new Map(keys.map((key) => [key, [] as Delivery[]]));
    this.#inFlight.set(id, held);
    for (const [key, deliveries] of held) this.#waiting.set(key, deliveries);
  }

  /** Of a life before: a window that was published and settled. @param atMs when, by the clock on the wall */
  restoreSettled(
    id: WindowId,
    keys: readonly string[],
    { dead, atMs }: { readonly dead: DeadKeys; readonly atMs: number },
  ): void {
    this.#ledger.add(id, keys, dead);
    this.#ledger.settled(id, atMs);
  }

  /** Windows that are closed and not settled. */
  get inFlight(): number {
    return this.#inFlight.size;
  }

  get keys(): number {
    return this.#ledger.size;
  }

  /** How full the open window is, from 0 to 1: of its rows or its bytes, whatever is nearer. */
  get fill(): number {
    const { items = 0, bytes = 0 } = this.#open ?? {};
    return Math.min(1, Math.max(items / this.#limits.rows, bytes / this.#limits.bytes));
  }

  /** When the oldest of the deliveries that are out came, as `at` tells of each; null when none is. */
  oldest(at: (delivery: Delivery) => number): number | null {
    let oldest: number | null = null;
    const open = [...(this.#open?.held.values() ?? [])].map(({ deliveries }) => deliveries);
    for (const [first] of [...open, ...this.#waiting.values()]) {
      if (first !== undefined) oldest = Math.min(oldest ?? Number.POSITIVE_INFINITY, at(first));
    }
    return oldest;
  }

  /** Whether there is room for another delivery: else none is to be asked for. */
  get takes(): boolean {
    return !this.#isFull || this.#inFlight.size < this.#limits.open;
  }

  /** @param nowMs by a clock that only goes forward */
  offer(delivery: Delivery, message: Message<Item>, nowMs: number): Verdict {
    const { key } = message;
    const settled = this.#ledger.find(key);
    if (settled !== null)
      return settled.dead === null ? { kind: "done" } : { kind: "aside", reason: settled.dead };
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

  /** How long until the open window is to be closed; null as long as nothing but more messages closes it. */
  closesInMs(nowMs: number): number | null {
    if (this.#open === null || this.#inFlight.size >= this.#limits.open) return null;
    return this.#isFull ? 0 : Math.max(0, this.#open.firstMs + this.#limits.ms - nowMs);
  }

  /** Closes the open window. @param id its name from here on */
  close(id: WindowId): ClosedWindow<Item> {
    const { held } = present(this.#open, "a window that is closed was open");
    this.#open = null;
    const deliveries = new Map([...held].map(([key, each]) => [key, each.deliveries]));
    this.#inFlight.set(id, deliveries);
    for (const [key, each] of deliveries) this.#waiting.set(key, each);
    return { id, messages: [...held.values()].map(({ message }) => message) };
  }

  /**
   * A window's run is published: its messages are known from here on.
   *
   * @param dead those of them that are in no output
   */
  settle(id: WindowId, dead: DeadKeys): Settlement {
    const held = present(this.#inFlight.get(id), "a window that is settled was closed");
    this.#inFlight.delete(id);
    const done: Delivery[] = [];
    const aside: SetAside[] = [];
    for (const [key, deliveries] of held) {
      this.#waiting.delete(key);
      const reason = dead.get(key);
      if (reason === undefined) done.push(...deliveries);
      else aside.push(...deliveries.map((delivery) => ({ delivery, reason })));
    }
    this.#ledger.add(id, [...held.keys()], dead);
    return { done, aside };
  }

  /** They are settled: after a while they are forgotten. @param atMs by the clock on the wall */
  settled(id: WindowId, atMs: number): void {
    this.#ledger.settled(id, atMs);
  }

  /** Forgets the keys of what was settled long ago. @returns those windows */
  forget(wallMs: number): readonly WindowId[] {
    return this.#ledger.forget(wallMs);
  }

  /** The deliveries of the window that is open, which is no more: they are to be given back. */
  drain(): readonly Delivery[] {
    const open = [...(this.#open?.held.values() ?? [])];
    this.#open = null;
    return open.flatMap(({ deliveries }) => deliveries);
  }

  get #isFull(): boolean {
    return this.fill >= 1;
  }
}
