import { deadline, joined } from "../../shared/core/abort.ts";
import { systemClock } from "../../shared/core/clock.ts";
import type { Delivery } from "../../shared/extension/queue-source.ts";
import { batched } from "./batch.ts";
import type { SqsClient } from "./client.ts";

/** For how long a message is taken at a time: at first, and each time after that. */
export interface LeaseSeconds {
  readonly first: number;
  readonly next: number;
}

interface Lease {
  readonly receipt: string;
  /** Of a queue that keeps order within groups. */
  readonly groupId: string | null;
  /** On the clock that only moves on: when a third of it has passed. */
  dueMs: number;
}

interface LeasesOptions {
  readonly seconds: LeaseSeconds;
  readonly closed: AbortSignal;
  /** There may be room for more. @param lapsed they are out no more, and come again */
  readonly onRoom: (lapsed: ReadonlySet<Delivery>) => void;
  /** Leases could not be extended. */
  readonly onFailure: (error: unknown) => void;
}

/** What was received and is not settled, taken for longer as long as it is not. */
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

  /** A message that has just been received. */
  take(delivery: Delivery, lease: Pick<Lease, "receipt" | "groupId">): void {
    const dueMs = performance.now() + (this.#options.seconds.first * 1_000) / 3;
    this.#out.set(delivery, { ...lease, dueMs });
  }

  /** What is not out any more is nobody's: it was settled, or it comes again. */
  async end(
    deliveries: readonly Delivery[],
    action: "DeleteMessageBatch" | "ChangeMessageVisibilityBatch",
    fields: Readonly<Record<string, unknown>> = {},
  ): Promise<void> {
    const out = deliveries.filter((delivery) => this.#out.has(delivery));
    const entries = out.map((delivery) => this.#entry(delivery, fields));
    // What SQS refuses is the receipt of a lease that has lapsed.
    await batched(this.#client, { action }, entries, this.#options.closed);
    for (const delivery of out) this.#out.delete(delivery);
    this.#options.onRoom(new Set());
  }

  [Symbol.dispose](): void {
    clearInterval(this.#extending);
  }

  /** Takes for longer what is due. What SQS refuses has lapsed. */
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
