import type { Worker } from "node:worker_threads";
import { NEVER } from "../../shared/core/abort.ts";
import { present } from "../../shared/core/assert.ts";
import { systemClock } from "../../shared/core/clock.ts";
import { isShardmillError, type ShardmillError } from "../../shared/core/errors.ts";
import type { BatchInUse } from "../../shared/domain/batch-in-use.ts";
import type { Fetching } from "../../shared/domain/fetching.ts";
import type { Lease } from "../../shared/domain/job.ts";
import type { PartialManifest } from "../../shared/domain/partial.ts";
import type { DeviceReport } from "../../shared/domain/precision.ts";
import type { PositionCounts, StageShares, WorkerSession } from "../../shared/domain/worker.ts";
import { FetchProgress } from "../../shared/storage/fetch-progress.ts";
import type { CoordinatorServices } from "../../shared/wire/services.ts";
import type { ShardRunner } from "../lease/shard-runner.ts";
import { type SessionCell, sessionCell, sessionIn, setSession } from "../read/session-cell.ts";
import { JobsInUse } from "./jobs-in-use.ts";
import { type DeviceOptions, OpenJob } from "./open-job.ts";

interface DeviceRunnerOptions extends DeviceOptions {
  readonly services: Pick<CoordinatorServices, "work" | "data">;
  /**
   * From `startShardThread`, for the first job: it loads while there is none. Left out: each job starts its
   * own.
   */
  readonly shardThread?: Worker;
}

/** Which job is at hand, and the session in which the coordinator described it, the last time. */
interface Described {
  readonly jobId: string;
  readonly session: WorkerSession;
}

/**
 * Runs shards on one device: keeps the job at hand open (its model loaded in the lanes, its threads started)
 * and closes the one before once nothing runs for it.
 */
export class DeviceRunner implements ShardRunner, AsyncDisposable {
  readonly #options: DeviceRunnerOptions;
  readonly #jobs = new JobsInUse<OpenJob>();
  /**
   * The jobs that this device gave wrong numbers for, or whose code may not run here: leases that were on
   * their way are not tried.
   */
  readonly #wrong = new Map<string, ShardmillError>();
  /** Null before the worker has joined. */
  #session: SessionCell | null = null;
  #described: Described | null = null;
  /** What the device of the job at hand was found to be; null when it was not looked at. */
  #report: DeviceReport | null = null;
  #busy: StageShares = {};
  #positions: PositionCounts = { run: 0, padded: 0 };
  #batch: BatchInUse | null = null;
  readonly #fetching = new FetchProgress(systemClock);
  #spare: Worker | null;

  constructor(options: DeviceRunnerOptions) {
    this.#options = options;
    this.#spare = options.shardThread ?? null;
  }

  /**
   * A new session: the coordinator was started again. What is open stays so; the next lease shows whether it
   * is the same job.
   */
  useSession(session: WorkerSession): void {
    this.#wrong.clear();
    if (this.#session === null) this.#session = sessionCell(session);
    else setSession(this.#session, session);
  }

  async run(
    lease: Lease,
    executionId: string,
    options: { readonly signal: AbortSignal; readonly onProgress: (rowsDone: number) => void },
  ): Promise<PartialManifest> {
    const session = sessionIn(present(this.#session, "a session comes before a lease"));
    const described = this.#described;
    if (described?.jobId === lease.jobId && described.session !== session) void this.#compare(lease, session);
    const wrong = this.#wrong.get(lease.jobId);
    if (wrong !== undefined) throw wrong;
    // A model may take minutes to load: whoever gives up the shard does not wait for it, the next shard does.
    return this.#jobs.use(lease.jobId, {
      open: () => this.#openJob(lease),
      work: (job) => job.run(lease, executionId, options),
      signal: options.signal,
    });
  }

  /** The busy share of each stage, as the shard threads last reported. */
  takeBusy(): StageShares {
    return this.#busy;
  }

  /** The size of the batches that a shard thread of the job at hand makes; null before the first. */
  get batch(): BatchInUse | null {
    return this.#batch;
  }

  /** What of the job that is opened is on its way here. */
  get fetching(): Fetching | null {
    return this.#fetching.now();
  }

  /**
   * The share of padding in the positions that the lanes ran since this was last taken; null when no uneven
   * rows ran.
   */
  takePadding(): number | null {
    const { run, padded } = this.#positions;
    this.#positions = { run: 0, padded: 0 };
    return run === 0 ? null : padded / run;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#takeSpare()?.terminate();
    await this.#jobs.closeNow();
  }

  /**
   * A job that the coordinator describes otherwise than before is opened anew, with the lease after this one.
   */
  async #compare(lease: Lease, session: WorkerSession): Promise<void> {
    const described: Described = { jobId: lease.jobId, session };
    this.#described = described;
    const { work } = this.#options.services;
    const found = await work.describeJob(session, lease.jobId).catch(() => null);
    if (this.#described !== described) return;
    const isStill = await this.#jobs
      .use(lease.jobId, {
        open: () => this.#openJob(lease),
        work: async (job) => found !== null && job.isStill(found),
        signal: NEVER,
      })
      .catch(() => false);
    if (this.#described !== described) return;
    if (!isStill) this.#jobs.putAway();
    // A coordinator that was started again has not heard it.
    else if (this.#report !== null) await this.#tellDevice(lease.jobId, this.#report).catch(() => {});
  }

  async #tellDevice(jobId: string, report: DeviceReport): Promise<void> {
    const session = sessionIn(present(this.#session, "a session comes before a lease"));
    this.#report = report;
    await this.#options.services.work.reportDevice(session, jobId, report);
  }

  async #openJob(lease: Lease): Promise<OpenJob> {
    const session = present(this.#session, "a session comes before a lease");
    this.#described = { jobId: lease.jobId, session: sessionIn(session) };
    this.#report = null;
    this.#batch = null;
    const { services, shardThread: _, ...options } = this.#options;
    const thread = this.#takeSpare();
    const opening = OpenJob.open({
      ...options,
      ...(thread === null ? {} : { thread }),
      describeJob: () => services.work.describeJob(sessionIn(session), lease.jobId),
      data: services.data,
      session,
      firstLease: lease,
      fetching: this.#fetching,
      onDevice: (report) => this.#tellDevice(lease.jobId, report),
      onBusy: (shares, { run, padded }, batch) => {
        this.#busy = shares;
        this.#batch = batch;
        this.#positions = { run: this.#positions.run + run, padded: this.#positions.padded + padded };
      },
    });
    return await opening.catch((error: unknown) => {
      const isForGood = isShardmillError(error, "DEVICE_WRONG") || isShardmillError(error, "MODULES_REFUSED");
      if (isForGood) this.#wrong.set(lease.jobId, error);
      throw error;
    });
  }

  #takeSpare(): Worker | null {
    const spare = this.#spare;
    this.#spare = null;
    return spare;
  }
}
