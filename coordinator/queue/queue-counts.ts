import type { Clock } from "../../shared/core/clock.ts";
import type { Delivery } from "./broker/queue-source.ts";
import type { Gatherer } from "./gatherer.ts";

/** What became of deliveries. `ignored`: they ask for nothing. */
export const MESSAGE_OUTCOMES = ["published", "duplicate", "aside", "ignored"] as const;
export type MessageOutcome = (typeof MESSAGE_OUTCOMES)[number];

/** What is told of one queue. */
export interface QueueFacts {
  /** Messages at the broker; null where it does not say. */
  readonly waiting: number | null;
  /** How long ago the oldest message was sent that is out and not settled, in seconds. */
  readonly oldestSeconds: number;
  /** How full the window is that is gathered, from 0 to 1. */
  readonly fill: number;
  /** Windows that are closed and not settled. */
  readonly openWindows: number;
  /** ... of these, those whose run has failed, and is tried again. */
  readonly failingWindows: number;
  readonly knownKeys: number;
  readonly ended: Readonly<Record<MessageOutcome, number>>;
}

/** Counts what becomes of messages, since a process began. */
export class QueueCounts {
  readonly #gatherer: Pick<Gatherer<unknown>, "fill" | "inFlight" | "keys" | "oldest">;
  readonly #clock: Clock;
  readonly #came = new WeakMap<Delivery, number>();
  readonly #failing = new Set<string>();
  readonly #ended = { published: 0, duplicate: 0, aside: 0, ignored: 0 };

  constructor(gatherer: Pick<Gatherer<unknown>, "fill" | "inFlight" | "keys" | "oldest">, clock: Clock) {
    this.#gatherer = gatherer;
    this.#clock = clock;
  }

  came(delivery: Delivery): void {
    this.#came.set(delivery, this.#clock.wallMs());
  }

  add(outcome: MessageOutcome, count = 1): void {
    this.#ended[outcome] += count;
  }

  failed(window: string): void {
    this.#failing.add(window);
  }

  published(window: string, published: number, aside: number): void {
    this.#failing.delete(window);
    this.add("published", published);
    this.add("aside", aside);
  }

  facts(waiting: number | null): QueueFacts {
    const nowMs = this.#clock.wallMs();
    const oldestMs = this.#gatherer.oldest((one) => one.sentMs ?? this.#came.get(one) ?? nowMs) ?? nowMs;
    return {
      waiting,
      oldestSeconds: Math.max(0, nowMs - oldestMs) / 1_000,
      fill: this.#gatherer.fill,
      openWindows: this.#gatherer.inFlight,
      failingWindows: this.#failing.size,
      knownKeys: this.#gatherer.keys,
      ended: { ...this.#ended },
    };
  }
}
