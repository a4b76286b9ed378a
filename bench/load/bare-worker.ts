import { hostname } from "node:os";
import { NEVER, sleep } from "../../shared/core/abort.ts";
import type { Lease } from "../../shared/domain/job.ts";
import type { WorkerSession } from "../../shared/domain/worker.ts";
import { workMethods } from "../../shared/wire/methods-work.ts";
import { ownVersions } from "../../shared/wire/protocol.ts";
import type { LeaseRef, Registration } from "../../shared/wire/services.ts";
import { writeCountingPartial } from "../fixtures/counting-partial.ts";
import { BareConnection, type BareTarget } from "./bare-connection.ts";

interface BareWorkerOptions {
  readonly target: BareTarget;
  readonly name: string;
  /** Returns the duration of a shard. Called before each. */
  readonly shardMs: () => number;
  /** Called when it lost its connection or session, before it retries. */
  readonly onTrouble: (error: unknown) => void;
}

const LONG_POLL_MS = 25_000;
const BACKOFF_MS = 1_000;

/** Returns a worker's registration. Only name and slots matter here. */
export function bareRegistration(name: string, slots: number): Registration {
  return {
    ...ownVersions(),
    name,
    hostname: hostname(),
    pid: process.pid,
    device: "cpu",
    slots,
    lanes: 1,
    threadsPerLane: 1,
    onnxruntimeVersion: "",
  };
}

/**
 * Makes the calls of a real worker, in their order and number, and nothing else. One lease request is always
 * open. Two slots, one shard in work, heartbeats, and an offer for each shard. Resolves when the coordinator
 * dismisses it.
 */
export async function runBareWorker(options: BareWorkerOptions): Promise<void> {
  for (;;) {
    try {
      const connection = await BareConnection.open(options.target);
      try {
        await new BareSession(connection, options).run();
        return;
      } finally {
        connection.close();
      }
    } catch (error) {
      options.onTrouble(error);
      await sleep(BACKOFF_MS, NEVER);
    }
  }
}

class BareSession {
  readonly #connection: BareConnection;
  readonly #options: BareWorkerOptions;
  readonly #held = new Set<LeaseRef>();
  #partialsPath: Promise<string> | null = null;

  constructor(connection: BareConnection, options: BareWorkerOptions) {
    this.#connection = connection;
    this.#options = options;
  }

  async run(): Promise<void> {
    const registration = bareRegistration(this.#options.name, 2);
    const { session, heartbeatMs } = await this.#connection.call(workMethods.register, registration);
    const beat = setInterval(() => void this.#beat(session), heartbeatMs);
    let before: Promise<void> = Promise.resolve();
    try {
      for (;;) {
        const wish = { session, waitMs: LONG_POLL_MS, running: [] };
        const answer = await this.#connection.call(workMethods.requestLease, wish);
        if (answer.kind === "dismissed") return await before;
        if (answer.kind === "noLease") await sleep(answer.retryMs, NEVER);
        else {
          const { lease } = answer;
          const ref: LeaseRef = { jobId: lease.jobId, shard: lease.shard.id, token: lease.token };
          this.#held.add(ref);
          before = before.then(() => this.#work(session, lease)).finally(() => this.#held.delete(ref));
          // Its next call then fails, and it reconnects.
          before.catch(() => this.#connection.close());
        }
      }
    } finally {
      clearInterval(beat);
    }
  }

  async #beat(session: WorkerSession): Promise<void> {
    const leases = [...this.#held].map((lease) => ({ lease, rowsDone: 0 }));
    const heartbeat = { session, leases, busy: {}, padding: null, stores: [] };
    await this.#connection.call(workMethods.heartbeat, heartbeat).catch(() => this.#connection.close());
  }

  async #work(session: WorkerSession, lease: Lease): Promise<void> {
    const { jobId } = lease;
    this.#partialsPath ??= this.#connection
      .call(workMethods.describeJob, { session, jobId })
      .then((job) => job.partialsPath);
    const partialsPath = await this.#partialsPath;
    const shardMs = this.#options.shardMs();
    if (shardMs > 0) await sleep(shardMs, NEVER);
    const partial = writeCountingPartial(partialsPath, lease);
    const answer = await this.#connection.call(workMethods.offerPartial, {
      session,
      jobId,
      partial,
      traceparent: "",
    });
    if (answer.kind === "refused") throw new Error(answer.error.message);
  }
}
