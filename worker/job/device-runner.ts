import type { Worker } from "node:worker_threads";
import { NEVER } from "../../shared/core/abort.ts";
import { present } from "../../shared/core/assert.ts";
import { systemClock } from "../../shared/core/clock.ts";
import { ERROR_CODES } from "../../shared/core/error-codes.ts";
import { isShardmillError, type ShardmillError } from "../../shared/core/errors.ts";
import type { DeviceReport } from "../../shared/domain/accuracy.ts";
import { bothAllow } from "../../shared/domain/allowed-locations.ts";
import type { BatchInUse } from "../../shared/domain/batch-in-use.ts";
import type { ConcreteDevice } from "../../shared/domain/device.ts";
import type { ExecutionId } from "../../shared/domain/execution-id.ts";
import type { Fetching } from "../../shared/domain/fetching.ts";
import type { Lease } from "../../shared/domain/job.ts";
import type { JobId } from "../../shared/domain/job-id.ts";
import type { PartialManifest } from "../../shared/domain/partial.ts";
import {
  type PositionCounts,
  type StageShares,
  type WorkerSession,
  workerSession,
} from "../../shared/domain/worker.ts";
import type { GpuDriver } from "../../shared/extension/gpu-driver.ts";
import { openGpuDriver } from "../../shared/extension/open-gpu-driver.ts";
import { FetchProgress } from "../../shared/storage/fetch-progress.ts";
import type { JobDescription } from "../../shared/wire/job-description.ts";
import type { CoordinatorServices } from "../../shared/wire/services.ts";
import { SharedLanes } from "../lanes/shared-lanes.ts";
import type { ShardRunner } from "../lease/shard-runner.ts";
import { startShardThread } from "../pipeline/shard-thread-client.ts";
import { type SessionCell, sessionCell, sessionIn, setSession } from "../read/session-cell.ts";
import type { DeviceOptions } from "./device-options.ts";
import { JobsInUse } from "./jobs-in-use.ts";
import { OpenJob } from "./open-job.ts";

interface DeviceRunnerOptions extends DeviceOptions {
  readonly services: Pick<CoordinatorServices, "work" | "data">;
  /** What models of jobs that are not at hand may take together. Left out: none is kept. */
  readonly modelMemoryBytes?: number;
  /** What a job may have opened here, as `isAllowed` takes it. Left out: everything. */
  readonly allowedLocations?: readonly string[];
  /**
   * From `startShardThread`, for the first job: it loads while there is none. Left out: each job starts its
   * own.
   */
  readonly shardThread?: Worker;
}

/** What is known of a job that is open. */
interface Known {
  /** In which the coordinator described it, the last time. */
  described: WorkerSession;
  /** What its device was found to be; null when it was not looked at. */
  report: DeviceReport | null;
  /** The size of the batches that a shard thread of it makes; null before the first. */
  batch: BatchInUse | null;
}

/** No session has this name: whoever was described in it is compared with the next lease. */
const NEVER_DESCRIBED = workerSession("never");

/** Of a GPU's memory, for the next model and its batches, which are sized by what there is. */
const LEAST_FREE = 1 / 2;

/**
 * Runs shards on one device: keeps the job at hand open (its model loaded in the lanes, its threads started),
 * and those before as long as there is memory for them.
 */
export class DeviceRunner implements ShardRunner, AsyncDisposable {
  readonly #options: DeviceRunnerOptions;
  readonly #jobs: JobsInUse<OpenJob>;
  readonly #lanes = new SharedLanes();
  /** Of the jobs that are open, or open at this moment. */
  readonly #known = new Map<JobId, Known>();
  /** Jobs that this worker cannot run: later leases of them are refused at once. */
  readonly #refused = new Map<string, ShardmillError>();
  #hasMapped = false;
  /** Null before the worker has joined. */
  #session: SessionCell | null = null;
  #busy: StageShares = {};
  #positions: PositionCounts = { run: 0, padded: 0 };
  readonly #fetching = new FetchProgress(systemClock);
  #spare: Worker | null;
  /** Jobs that were opened here. */
  #opened = 0;

  constructor(options: DeviceRunnerOptions) {
    this.#options = options;
    this.#spare = options.shardThread ?? null;
    const { log, device, modelMemoryBytes = 0 } = options;
    const isShort = shortOf(device);
    this.#jobs = new JobsInUse({
      restingBytes: modelMemoryBytes,
      isShort: async () => {
        if (!(await isShort())) return false;
        // Before a job has to go: its lanes stay, as long as nobody wants others.
        await this.#lanes.closeIdle();
        return await isShort();
      },
      onKept: (job) => log.info({ job }, "model kept"),
      onClosing: (job, reason) => log.info({ job, reason }, "model let go"),
    });
  }

  /**
   * A new session: the coordinator was started again. What is open stays so; the next lease shows whether it
   * is the same job.
   */
  useSession(session: WorkerSession): void {
    this.#refused.clear();
    if (this.#session === null) this.#session = sessionCell(session);
    else setSession(this.#session, session);
  }

  async run(
    lease: Lease,
    executionId: ExecutionId,
    options: { readonly signal: AbortSignal; readonly onProgress: (rowsDone: number) => void },
  ): Promise<PartialManifest> {
    const session = sessionIn(present(this.#session, "a session comes before a lease"));
    const refused = this.#refused.get(lease.jobId);
    if (refused !== undefined) throw refused;
    // A model may take minutes to load: whoever gives up the shard does not wait for it, the next shard does.
    const running = this.#jobs.use(lease.jobId, {
      open: () => this.#openJob(lease),
      work: (job) =>
        job.useThread((thread, onRead) => thread.run(lease, executionId, { ...options, onRead })),
      signal: options.signal,
    });
    const known = this.#known.get(lease.jobId);
    if (known !== undefined && known.described !== session) void this.#compare(lease, known, session);
    running.then(
      () => {
        this.#hasMapped = true;
        this.#warm();
      },
      () => {},
    );
    return running;
  }

  /** Reason why this worker was of no use: it cannot run a job, and mapped no shard. Null otherwise. */
  get uselessness(): ShardmillError | null {
    const [refused] = this.#refused.values();
    return this.#hasMapped ? null : (refused ?? null);
  }

  /** The busy share of each stage, as the shard threads last reported. */
  takeBusy(): StageShares {
    return this.#busy;
  }

  /** The size of the batches that a shard thread of the job at hand makes; null before the first. */
  get batch(): BatchInUse | null {
    return this.#atHand?.batch ?? null;
  }

  get #atHand(): Known | undefined {
    const jobId = this.#jobs.atHandId;
    return jobId === null ? undefined : this.#known.get(jobId);
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
    await this.#jobs.closeNow();
    // Not before: a shard that is done meanwhile starts one.
    await this.#takeSpare()?.terminate();
    await this.#lanes[Symbol.asyncDispose]();
  }

  /**
   * A job that the coordinator describes otherwise than before is opened anew, with the lease after this one.
   */
  async #compare(lease: Lease, known: Known, session: WorkerSession): Promise<void> {
    known.described = session;
    const { work } = this.#options.services;
    const found = await work.describeJob(session, lease.jobId).catch(() => null);
    // One that went to rest meanwhile is compared when it is at hand again.
    if (this.#atHand !== known) known.described = NEVER_DESCRIBED;
    if (known.described !== session) return;
    const isStill = await this.#jobs
      .use(lease.jobId, {
        open: () => this.#openJob(lease),
        work: async (job) => found !== null && job.isStill(found),
        signal: NEVER,
      })
      .catch(() => false);
    if (known.described !== session || this.#atHand !== known) return;
    if (!isStill) this.#jobs.putAway();
    // A coordinator that was started again has not heard it.
    else if (known.report !== null) await this.#tellDevice(lease.jobId, known, known.report).catch(() => {});
  }

  async #tellDevice(jobId: JobId, known: Known, report: DeviceReport): Promise<void> {
    const session = sessionIn(present(this.#session, "a session comes before a lease"));
    known.report = report;
    await this.#options.services.work.reportDevice(session, jobId, report);
  }

  async #openJob(lease: Lease): Promise<OpenJob> {
    const session = present(this.#session, "a session comes before a lease");
    const known: Known = { described: sessionIn(session), report: null, batch: null };
    for (const jobId of this.#known.keys()) if (!this.#jobs.has(jobId)) this.#known.delete(jobId);
    this.#known.set(lease.jobId, known);
    const {
      services,
      shardThread: _,
      modelMemoryBytes: _bytes,
      allowedLocations,
      ...options
    } = this.#options;
    this.#opened += 1;
    const thread = this.#takeSpare();
    const opening = OpenJob.open({
      ...options,
      ...(thread === null ? {} : { thread }),
      sharedLanes: this.#lanes,
      describeJob: async () =>
        within(await services.work.describeJob(sessionIn(session), lease.jobId), allowedLocations),
      data: services.data,
      session,
      firstLease: lease,
      fetching: this.#fetching,
      onDevice: (report) => this.#tellDevice(lease.jobId, known, report),
      onBusy: (shares, { run, padded }, batch) => {
        known.batch = batch;
        // One at rest is idle, and says so.
        if (this.#atHand === known) this.#busy = shares;
        this.#positions = { run: this.#positions.run + run, padded: this.#positions.padded + padded };
      },
    });
    return await opening.catch((error: unknown) => {
      if (isShardmillError(error) && ERROR_CODES[error.code].attempt === "refuse") {
        this.#refused.set(lease.jobId, error);
        const { code, message: reason, hint } = error;
        this.#options.log.error({ job: lease.jobId, code, reason, hint }, "this worker cannot run the job");
      }
      throw error;
    });
  }

  /** Of a worker that goes from job to job, the next one's thread loads as soon as there is time for it. */
  #warm(): void {
    if (this.#opened > 1) this.#spare ??= startShardThread({ ahead: true });
  }

  #takeSpare(): Worker | null {
    const spare = this.#spare;
    this.#spare = null;
    return spare;
  }
}

/** A job of which nothing is opened here but what this worker's operator allows, and the coordinator's. */
function within(job: JobDescription, own: readonly string[] | undefined): JobDescription {
  if (own === undefined) return job;
  const { allowed = own } = job.stores;
  return { ...job, stores: { ...job.stores, allowed: bothAllow(allowed, own), isNarrowed: true } };
}

/** Whether less than half of a GPU's memory is free. Of what cannot be read that is never so. */
function shortOf(device: ConcreteDevice): () => Promise<boolean> {
  if (device !== "cuda" && device !== "tensorrt") return async () => false;
  const [gpu = ""] = (process.env.CUDA_VISIBLE_DEVICES ?? "").split(",");
  let driver: Promise<GpuDriver | null> | null = null;
  return async () => {
    driver ??= openGpuDriver();
    const free = await (await driver)?.freeShare(gpu === "" ? "0" : gpu).catch(() => null);
    return free !== undefined && free !== null && free < LEAST_FREE;
  };
}
