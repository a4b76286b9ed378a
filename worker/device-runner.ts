import { availableParallelism } from "node:os";
import type { Worker } from "node:worker_threads";
import { orAbort } from "../shared/core/abort.ts";
import type { Lease } from "../shared/domain/job.ts";
import type { PartialManifest } from "../shared/domain/partial.ts";
import type { LaneCounts, StageShares, StepCounts, WorkerSession } from "../shared/domain/worker.ts";
import type { CoordinatorServices } from "../shared/wire/services.ts";
import type { ShardRunner } from "./lease/attempt.ts";
import { type DeviceOptions, OpenJob } from "./open-job.ts";

export interface DeviceRunnerOptions extends DeviceOptions {
  readonly services: Pick<CoordinatorServices, "work" | "data">;
  /** From `startShardThread`, for the first job: it loads while there is none. Left out: each job starts its own. */
  readonly shardThread?: Worker;
}

/**
 * Runs shards on one device: keeps the job at hand open (its model loaded in the lanes, its threads started) and closes
 * the one before once nothing runs for it.
 */
export class DeviceRunner implements ShardRunner, AsyncDisposable {
  readonly #options: DeviceRunnerOptions;
  readonly #jobs = new Map<string, Promise<OpenJob>>();
  #session: WorkerSession | null = null;
  #busy: StageShares = {};
  #steps: StepCounts = { run: 0, padded: 0 };
  #laneCounts: LaneCounts | null = null;
  #spare: Worker | null;

  constructor(options: DeviceRunnerOptions) {
    this.#options = options;
    this.#spare = options.shardThread ?? null;
  }

  /** A new session: threads opened under the old one would be refused by the coordinator's store. */
  useSession(session: WorkerSession): void {
    this.#session = session;
    const old = [...this.#jobs.values()];
    this.#jobs.clear();
    for (const job of old) void job.then((open) => open.closeWhenIdle()).catch(() => {});
  }

  async run(
    lease: Lease,
    executionId: string,
    options: { readonly signal: AbortSignal; readonly onProgress: (rowsDone: number) => void },
  ): Promise<PartialManifest> {
    // A model may take minutes to load: whoever gives up the shard does not wait for it, the next shard does.
    const job = await orAbort(this.#open(lease), options.signal);
    return job.run(lease, executionId, options);
  }

  /** The busy share of each stage, as the shard threads last told. */
  takeBusy(): StageShares {
    return this.#busy;
  }

  /** How the lanes of the job at hand share out the cores; null before one was opened. */
  get laneCounts(): LaneCounts | null {
    return this.#laneCounts;
  }

  /** The share of padding in the steps that the lanes ran since this was last taken; null when no uneven rows ran. */
  takePadding(): number | null {
    const { run, padded } = this.#steps;
    this.#steps = { run: 0, padded: 0 };
    return run === 0 ? null : padded / run;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const jobs = [...this.#jobs.values()];
    this.#jobs.clear();
    await this.#takeSpare()?.terminate();
    await Promise.allSettled(jobs.map(async (job) => (await job)[Symbol.asyncDispose]()));
  }

  async #open(lease: Lease): Promise<OpenJob> {
    const known = this.#jobs.get(lease.jobId);
    if (known !== undefined) return known;
    for (const [jobId, job] of this.#jobs) {
      this.#jobs.delete(jobId);
      void job.then((open) => open.closeWhenIdle()).catch(() => {});
    }
    const session = this.#session;
    if (session === null) throw new Error("broken invariant: a lease before a session");
    const { services, shardThread: _, ...options } = this.#options;
    const thread = this.#takeSpare();
    const opening = OpenJob.open({
      ...options,
      ...(thread === null ? {} : { thread }),
      describeJob: () => services.work.describeJob(session, lease.jobId),
      data: services.data,
      session,
      firstLease: lease,
      onBusy: (shares, { run, padded }) => {
        this.#busy = shares;
        this.#steps = { run: this.#steps.run + run, padded: this.#steps.padded + padded };
      },
    });
    this.#jobs.set(lease.jobId, opening);
    opening.then(
      ({ plan }) => {
        this.#laneCounts = { lanes: plan.lanes, threadsPerLane: plan.threads };
      },
      // A job that could not be opened is tried anew with its next lease.
      () => this.#jobs.delete(lease.jobId),
    );
    return opening;
  }

  #takeSpare(): Worker | null {
    const spare = this.#spare;
    this.#spare = null;
    return spare;
  }
}

/** Cores that this process may use. */
export function availableCores(): number {
  return availableParallelism();
}
