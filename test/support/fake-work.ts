import { ShardmillError } from "../../shared/core/errors.ts";
import type { PartialManifest } from "../../shared/domain/partial.ts";
import { workerSession } from "../../shared/domain/worker.ts";
import type { LeaseAnswer, LeaseRef, WorkService } from "../../shared/wire/services.ts";

/** A coordinator in memory that returns given answers and records calls. */
export class FakeWork implements WorkService {
  readonly heard: string[] = [];
  /** Running shards in each request for a lease. */
  readonly running: number[][] = [];
  readonly answers: (LeaseAnswer | ShardmillError)[] = [];
  lost = new Set<number>();
  failRegister = 0;
  staleOffers = 0;
  sessions = 0;

  async register() {
    if (this.failRegister-- > 0)
      throw new ShardmillError("COORDINATOR_UNREACHABLE", "there is no coordinator");
    this.sessions += 1;
    this.heard.push("register");
    const session = workerSession(`s${this.sessions}`);
    return { session, leaseMs: 1_000, heartbeatMs: 5 };
  }

  describeJob(): never {
    throw new Error("not called in these tests");
  }

  reportDevice(): never {
    throw new Error("not called in these tests");
  }

  async requestLease(
    _session: unknown,
    _waitMs: number,
    running: readonly LeaseRef[],
    signal?: AbortSignal,
  ): Promise<LeaseAnswer> {
    this.running.push(running.map(({ shard }) => shard));
    const next = this.answers.shift();
    if (next instanceof ShardmillError) throw next;
    if (next !== undefined) return next;
    return new Promise((_resolve, reject) =>
      signal?.addEventListener("abort", () => reject(signal.reason), { once: true }),
    );
  }

  async heartbeat({ leases }: Parameters<WorkService["heartbeat"]>[0]) {
    return leases.map(({ lease }) => ({ lease, live: !this.lost.has(lease.shard), workers: 1 }));
  }

  async offerPartial(session: string, _jobId: string, partial: PartialManifest) {
    if (this.staleOffers-- > 0) throw new ShardmillError("SESSION_STALE", "the session is unknown");
    this.heard.push(`offer ${partial.shard} by ${session}`);
    return { kind: "committed" } as const;
  }

  async failAttempt(_session: unknown, lease: { shard: number }, error: { code: string }) {
    this.heard.push(`fail ${lease.shard} ${error.code}`);
  }

  async releaseLease(_session: unknown, lease: { shard: number }) {
    this.heard.push(`release ${lease.shard}`);
  }

  async leave() {
    this.heard.push("leave");
  }
}
