import type { Timers } from "../../../shared/core/clock.ts";
import { messageOf } from "../../../shared/core/errors.ts";
import type { Logger } from "../../../shared/core/log.ts";
import type { MessageOutcome } from "../../../shared/domain/queue-status.ts";
import type { Delivery, FailedDelivery, QueueSource } from "../../../shared/extension/queue-source.ts";
import type { Acknowledgement, Verdict } from "./gatherer.ts";
import type { QueueCounts } from "./queue-counts.ts";

interface SettlerOptions {
  readonly source: QueueSource;
  readonly clock: Timers;
  readonly log: Logger;
  readonly counts: Pick<QueueCounts, "add">;
  /** Signal that stops retries. Messages without acknowledgement are delivered again. */
  readonly signal: AbortSignal;
}

/** Delay that collects messages for one acknowledgement. Otherwise each would need a call. */
const SOON_MS = 20;
/** Delay before a retry, when the broker refused an acknowledgement. */
const RETRY_MS = 5_000;

/** Acknowledges or dead-letters deliveries. Deliveries of a window are handled at once, others in batches. */
export class Acknowledger {
  readonly #options: SettlerOptions;
  #done: Delivery[] = [];
  #failed: FailedDelivery[] = [];
  #flushing: Promise<void> | null = null;

  constructor(options: SettlerOptions) {
    this.#options = options;
  }

  /** Acknowledges or dead-letters a delivery outside windows, soon. Failures are logged and retried. */
  soon(delivery: Delivery, verdict: Verdict, outcome: MessageOutcome): void {
    this.#options.counts.add(outcome);
    if (verdict.kind === "dead-letter") this.#failed.push({ delivery, reason: verdict.reason });
    else this.#done.push(delivery);
    this.#flushIn(SOON_MS);
  }

  /**
   * Acknowledges and dead-letters deliveries of a window.
   *
   * @throws {QUEUE_FAILED} and other errors of the source. None of the deliveries may count as acknowledged
   *   then.
   */
  async acknowledge({ done, failed }: Acknowledgement): Promise<void> {
    const { source } = this.#options;
    if (failed.length > 0) await source.deadLetter(failed);
    if (done.length > 0) await source.done(done);
  }

  /** Handles the collected deliveries now. */
  async flush(): Promise<void> {
    const [done, failed] = [this.#done, this.#failed];
    [this.#done, this.#failed] = [[], []];
    try {
      await this.acknowledge({ done, failed });
    } catch (error) {
      if (this.#options.signal.aborted) return;
      this.#options.log.error({ reason: messageOf(error) }, "messages cannot be acknowledged, retrying");
      this.#done.push(...done);
      this.#failed.push(...failed);
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
