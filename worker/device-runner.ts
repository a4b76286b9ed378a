import { availableParallelism } from "node:os";
import type { Worker } from "node:worker_threads";
import { isShardmillError, type ShardmillError } from "../shared/core/errors.ts";
import type { Lease } from "../shared/domain/job.ts";
import type { PartialManifest } from "../shared/domain/partial.ts";
import type { LaneCounts, StageShares, StepCounts, WorkerSession } from "../shared/domain/worker.ts";
import { reportWithinLimits } from "../shared/wire/limits.ts";
import type { CoordinatorServices } from "../shared/wire/services.ts";
import { JobsInUse } from "./jobs-in-use.ts";
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
  readonly #jobs = new JobsInUse<OpenJob>();
  /** The jobs that this device gave wrong numbers for: leases that were on their way are not tried. */
  readonly #wrong = new Map<string, ShardmillError>();
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
    this.#wrong.clear();
    this.#session = session;
    this.#jobs.putAway();
  }

  async run(
    lease: Lease,
    executionId: string,
    options: { readonly signal: AbortSignal; readonly onProgress: (rowsDone: number) => void },
  ): Promise<PartialManifest> {
    // A model may take minutes to load: whoever gives up the shard does not wait for it, the next shard does.
    const wrong = this.#wrong.get(lease.jobId);
    if (wrong !== undefined) throw wrong;
    return this.#jobs.use(lease.jobId, {
      open: () => this.#openJob(lease),
      work: (job) => job.run(lease, executionId, options),
      signal: options.signal,
    });
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
    await this.#takeSpare()?.terminate();
    await this.#jobs.closeNow();
  }

  async #openJob(lease: Lease): Promise<OpenJob> {
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
      onDevice: (report) => services.work.reportDevice(session, lease.jobId, reportWithinLimits(report)),
      onBusy: (shares, { run, padded }) => {
        this.#busy = shares;
        this.#steps = { run: this.#steps.run + run, padded: this.#steps.padded + padded };
      },
    });
    const job = await opening.catch((error: unknown) => {
      if (isShardmillError(error, "DEVICE_WRONG")) this.#wrong.set(lease.jobId, error);
      throw error;
    });
    this.#laneCounts = { lanes: job.plan.lanes, threadsPerLane: job.plan.threads };
    return job;
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
