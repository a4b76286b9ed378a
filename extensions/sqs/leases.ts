import { deadline, joined } from "../../shared/core/abort.ts";
import { systemClock } from "../../shared/core/clock.ts";
import type { Delivery } from "../../shared/extension/queue-source.ts";
import { batched } from "./batch.ts";
import type { SqsClient } from "./client.ts";

/** Durations of a message's first lease and of each extension. */
export interface LeaseSeconds {
  readonly first: number;
  readonly next: number;
}

interface Lease {
  readonly receipt: string;
  /** Group of the message in a FIFO queue. */
  readonly groupId: string | null;
  /** Monotonic time of the next extension, after a third of the lease. */
  dueMs: number;
}

interface LeasesOptions {
  readonly seconds: LeaseSeconds;
  readonly closed: AbortSignal;
  /**
   * Called when there may be room for more messages.
   *
   * @param lapsed deliveries whose leases expired, which arrive again
   */
  readonly onRoom: (lapsed: ReadonlySet<Delivery>) => void;
  /** Called when leases could not be extended. */
  readonly onFailure: (error: unknown) => void;
}

/** Unacknowledged deliveries, whose leases are extended until they end. */
export class Leases implements Disposable {
  readonly #client: SqsClient;
  readonly #options: LeasesOptions;
  readonly #out = new Map<Delivery, Lease>();
  readonly #extending: NodeJS.Timeout;

  constructor(client: SqsClient, options: LeasesOptions) {
    this.#client = client;
    this.#options = options;
    this.#extending = setInterval(() => void this.#extend(), (options.seconds.first * 1_000) / 6);
    this.#extending.unref();
  }

  get size(): number {
    return this.#out.size;
  }

  groupOf(delivery: Delivery): string | null {
    return this.#out.get(delivery)?.groupId ?? null;
  }

  /** Adds a message that was just received. */
  take(delivery: Delivery, lease: Pick<Lease, "receipt" | "groupId">): void {
    const dueMs = performance.now() + (this.#options.seconds.first * 1_000) / 3;
    this.#out.set(delivery, { ...lease, dueMs });
  }

  /**
   * Ends the leases of deliveries. Deliveries without a lease are skipped: they were acknowledged, or arrive
   * again.
   */
  async end(
    deliveries: readonly Delivery[],
    action: "DeleteMessageBatch" | "ChangeMessageVisibilityBatch",
    fields: Readonly<Record<string, unknown>> = {},
  ): Promise<void> {
    const out = deliveries.filter((delivery) => this.#out.has(delivery));
    const entries = out.map((delivery) => this.#entry(delivery, fields));
    // SQS refuses only receipts of expired leases, so refusals are ignored.
    await batched(this.#client, { action }, entries, this.#options.closed);
    for (const delivery of out) this.#out.delete(delivery);
    this.#options.onRoom(new Set());
  }

  [Symbol.dispose](): void {
    clearInterval(this.#extending);
  }

  /** Extends the leases that are due. A refused one has expired. */
  async #extend(): Promise<void> {
    const { seconds, closed, onRoom, onFailure } = this.#options;
    const nowMs = performance.now();
    const leaseMs = seconds.next * 1_000;
    const due = [...this.#out].filter(([, { dueMs }]) => dueMs <= nowMs);
    if (due.length === 0) return;
    for (const [, lease] of due) lease.dueMs = nowMs + leaseMs / 3;
    const entries = due.map(([delivery]) => this.#entry(delivery, { VisibilityTimeout: seconds.next }));
    using inTime = deadline(leaseMs, systemClock);
    using both = joined(closed, inTime.signal);
    try {
      const batch = { action: "ChangeMessageVisibilityBatch" } as const;
      const refusals = await batched(this.#client, batch, entries, both.signal);
      const lapsed = new Set(due.flatMap(([delivery], at) => (refusals[at] === null ? [] : [delivery])));
      for (const delivery of lapsed) this.#out.delete(delivery);
      onRoom(lapsed);
    } catch (error) {
      if (!closed.aborted) onFailure(error);
    }
  }

  #entry(delivery: Delivery, fields: Readonly<Record<string, unknown>>) {
    return { fields: { ReceiptHandle: this.#out.get(delivery)?.receipt, ...fields }, bytes: 0 };
  }
}
