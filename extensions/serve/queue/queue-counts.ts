import type { Clock } from "../../../shared/core/clock.ts";
import type { MessageOutcome, QueueStatus } from "../../../shared/domain/queue-status.ts";
import type { Delivery } from "../../../shared/extension/queue-source.ts";
import type { Gatherer } from "./gatherer.ts";
import type { WindowId } from "./window-id.ts";

/** Counts outcomes of messages since the process started. */
export class QueueCounts {
  readonly #gatherer: Pick<Gatherer<unknown>, "fill" | "inFlight" | "keys" | "oldest">;
  readonly #clock: Clock;
  readonly #came = new WeakMap<Delivery, number>();
  readonly #failing = new Set<string>();
  readonly #ended = { published: 0, duplicate: 0, deadLettered: 0, ignored: 0 };

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

  failed(window: WindowId): void {
    this.#failing.add(window);
  }

  published(window: WindowId, published: number, deadLettered: number): void {
    this.#failing.delete(window);
    this.add("published", published);
    this.add("deadLettered", deadLettered);
  }

  facts(waiting: number | null): QueueStatus {
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
