import type { Timers } from "../../../shared/core/clock.ts";
import { messageOf } from "../../../shared/core/errors.ts";
import type { Logger } from "../../../shared/core/log.ts";
import type { MessageOutcome } from "../../../shared/domain/queue-status.ts";
import type { Delivery, QueueSource, SetAside } from "../../../shared/extension/queue-source.ts";
import type { Settlement, Verdict } from "./gatherer.ts";
import type { QueueCounts } from "./queue-counts.ts";

interface SettlerOptions {
  readonly source: QueueSource;
  readonly clock: Timers;
  readonly log: Logger;
  readonly counts: Pick<QueueCounts, "add">;
  /** When it is aborted, what cannot be settled is left: it comes again. */
  readonly signal: AbortSignal;
}

/** Settled one by one, messages would be a call each. */
const SOON_MS = 20;
/** After a broker that did not take it. */
const RETRY_MS = 5_000;

/** Settles deliveries: those of a window at once, and those that are in none some at a time. */
export class Settler {
  readonly #options: SettlerOptions;
  #done: Delivery[] = [];
  #aside: SetAside[] = [];
  #flushing: Promise<void> | null = null;

  constructor(options: SettlerOptions) {
    this.#options = options;
  }

  /** Settles one that is in no window. What fails is logged, and done again. */
  soon(delivery: Delivery, verdict: Verdict, outcome: MessageOutcome): void {
    this.#options.counts.add(outcome);
    if (verdict.kind === "aside") this.#aside.push({ delivery, reason: verdict.reason });
    else this.#done.push(delivery);
    this.#flushIn(SOON_MS);
  }

  /** @throws {QUEUE_FAILED} and whatever else the source throws: nothing of it is known to be settled then */
  async settle({ done, aside }: Settlement): Promise<void> {
    const { source } = this.#options;
    if (aside.length > 0) await source.setAside(aside);
    if (done.length > 0) await source.done(done);
  }

  /** What is to be settled soon, now. */
  async flush(): Promise<void> {
    const [done, aside] = [this.#done, this.#aside];
    [this.#done, this.#aside] = [[], []];
    try {
      await this.settle({ done, aside });
    } catch (error) {
      if (this.#options.signal.aborted) return;
      this.#options.log.error({ reason: messageOf(error) }, "messages cannot be settled; it is tried again");
      this.#done.push(...done);
      this.#aside.push(...aside);
      this.#flushIn(RETRY_MS);
    }
  }

  #flushIn(ms: number): void {
    this.#flushing ??= new Promise<void>((resolve) => void this.#options.clock.after(ms, resolve)).then(
      () => {
        this.#flushing = null;
        return this.flush();
      },
    );
  }
}
