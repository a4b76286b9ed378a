import type { Worker } from "node:worker_threads";
import { NEVER } from "../../shared/core/abort.ts";
import { present } from "../../shared/core/assert.ts";
import { systemClock } from "../../shared/core/clock.ts";
import { ERROR_CODES } from "../../shared/core/error-codes.ts";
import { isShardmillError, type ShardmillError } from "../../shared/core/errors.ts";
import { Slots } from "../../shared/core/slots.ts";
import { SpareThreads } from "../../shared/core/spare-threads.ts";
import type { DeviceReport } from "../../shared/domain/accuracy.ts";
import { bothAllow } from "../../shared/domain/allowed-locations.ts";
import type { BatchInUse } from "../../shared/domain/batch-in-use.ts";
import type { ConcreteDevice } from "../../shared/domain/device.ts";
import type { ExecutionId } from "../../shared/domain/execution-id.ts";
import type { Fetching } from "../../shared/domain/fetching.ts";
import type { Lease } from "../../shared/domain/job.ts";
import type { JobId } from "../../shared/domain/job-id.ts";
import type { PartialManifest } from "../../shared/domain/partial.ts";
import { writeShare } from "../../shared/domain/step-job.ts";
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
import { taskSlotCount } from "../pipeline/thread-counts.ts";
import { type SessionCell, sessionCell, sessionIn, setSession } from "../read/session-cell.ts";
import type { DeviceOptions } from "./device-options.ts";
import { JobsInUse } from "./jobs-in-use.ts";
import type { LocalJobOptions, RunnableJob } from "./local-job.ts";
import { OpenJob } from "./open-job.ts";

interface DeviceRunnerOptions extends DeviceOptions {
  readonly services: Pick<CoordinatorServices, "work" | "data">;
  /** Memory limit of idle jobs' models. Default: none is kept. */
  readonly modelMemoryBytes?: number;
  /** Locations that a job may open here, as `isAllowed` takes them. Default: all. */
  readonly allowedLocations?: readonly string[];
  /**
   * Thread from `startShardThread` for the first job, which loads before there is a job. Default: each job
   * starts its own.
   */
  readonly shardThread?: Worker;
}

/** State of an open job. */
interface Known {
  /** Session in which the coordinator last described the job. */
  described: WorkerSession;
  /** Result of the device check. Null: not checked. */
  report: DeviceReport | null;
  /** Batch size of a shard thread. Null before the first batch. */
  batch: BatchInUse | null;
}

/** A session that no worker has: forces a comparison with the job at its next lease. */
const NEVER_DESCRIBED = workerSession("never");

/** Least free share of a GPU's memory. The next model and its batches need it. */
const LEAST_FREE = 1 / 2;

/**
 * Runs shards on one device. Keeps the current job open, with its model loaded and its threads started. Keeps
 * previous jobs while memory allows.
 */
export class DeviceRunner implements ShardRunner, AsyncDisposable {
  readonly #options: DeviceRunnerOptions;
  readonly #jobs: JobsInUse<RunnableJob>;
  readonly #lanes = new SharedLanes();
  /** Jobs that are open or opening. */
  readonly #known = new Map<JobId, Known>();
  /** Jobs that this worker cannot run. Later leases of them are refused at once. */
  readonly #refused = new Map<string, ShardmillError>();
  #hasMapped = false;
  /** Session of the worker. Null before it has joined. */
  #session: SessionCell | null = null;
  #busy: StageShares = {};
  #positions: PositionCounts = { run: 0, padded: 0 };
  readonly #fetching = new FetchProgress(systemClock);
  readonly #threads: SpareThreads;
  /** Slots of tasks, for all inner jobs. */
  readonly #tasks: Slots;

  constructor(options: DeviceRunnerOptions) {
    this.#options = options;
    const { log, device, shardThread, modelMemoryBytes = 0 } = options;
    this.#threads = new SpareThreads(startShardThread, options.shardThreads);
    if (shardThread !== undefined) this.#threads.keep(shardThread);
    this.#tasks = new Slots("tasks", {
      slots: taskSlotCount(options.cores),
      waiting: Number.POSITIVE_INFINITY,
    });
    const isShort = shortOf(device);
    this.#jobs = new JobsInUse({
      idleBytes: modelMemoryBytes,
      isShort: async () => {
        if (!(await isShort())) return false;
        // First close lanes that no job uses, which may free enough memory to keep the job.
        await this.#lanes.closeIdle();
        return await isShort();
      },
      onReused: (job) => log.info({ job }, "model kept"),
      onClosing: (job, reason) => log.info({ job, reason }, "model released"),
    });
  }

  /**
   * Sets a new session, after the coordinator restarted. Jobs stay open. The next lease shows whether its job
   * is unchanged.
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
    const { share } = this.#options;
    const session = sessionIn(present(this.#session, "a session comes before a lease"));
    const refused = this.#refused.get(lease.jobId);
    if (refused !== undefined) throw refused;
    if (share !== undefined) writeShare(share, { workers: lease.workers });
    // A model may take minutes to load. A cancelled shard does not wait for that, and the next shard uses the
    // model.
    const running = this.#jobs.use(lease.jobId, {
      open: () => this.#openJob(lease),
      work: (job) => job.run(lease, executionId, options),
      signal: options.signal,
    });
    const known = this.#known.get(lease.jobId);
    if (known !== undefined && known.described !== session) void this.#compare(lease, known, session);
    running.then(
      () => {
        this.#hasMapped = true;
      },
      () => {},
    );
    return running;
  }

  /** Error of a worker that mapped no shard and cannot run a job. Null otherwise. */
  get uselessness(): ShardmillError | null {
    const [refused] = this.#refused.values();
    return this.#hasMapped ? null : (refused ?? null);
  }

  /** Returns the busy share of each stage, as last reported by the shard threads. */
  takeBusy(): StageShares {
    return this.#busy;
  }

  /** Batch size of the current job's shard threads. Null before the first batch. */
  get batch(): BatchInUse | null {
    return this.#atHand?.batch ?? null;
  }

  get #atHand(): Known | undefined {
    const jobId = this.#jobs.atHandId;
    return jobId === null ? undefined : this.#known.get(jobId);
  }

  /** Files of the opening job that are being fetched. */
  get fetching(): Fetching | null {
    return this.#fetching.now();
  }

  /** Returns the share of padding in the positions that ran since the last call. Null: no uneven rows ran. */
  takePadding(): number | null {
    const { run, padded } = this.#positions;
    this.#positions = { run: 0, padded: 0 };
    return run === 0 ? null : padded / run;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#jobs.closeNow();
    await this.#threads[Symbol.asyncDispose]();
    await this.#lanes[Symbol.asyncDispose]();
  }

  /** Compares a job with its description in a new session. A changed job is reopened with the next lease. */
  async #compare(lease: Lease, known: Known, session: WorkerSession): Promise<void> {
    known.described = session;
    const { work } = this.#options.services;
    const found = await work.describeJob(session, lease.jobId).catch(() => null);
    // A job that became idle meanwhile is compared when it is used again.
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
    // A restarted coordinator does not have the report.
    else if (known.report !== null)
      await this.#reportDevice(lease.jobId, known, known.report).catch(() => {});
  }

  async #reportDevice(jobId: JobId, known: Known, report: DeviceReport): Promise<void> {
    const session = sessionIn(present(this.#session, "a session comes before a lease"));
    known.report = report;
    await this.#options.services.work.reportDevice(session, jobId, report);
  }

  async #openJob(lease: Lease): Promise<RunnableJob> {
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
    try {
      const found = await services.work.describeJob(sessionIn(session), lease.jobId);
      const described = within(found, allowedLocations);
      const { data } = services;
      const local = { ...options, described, data, session, firstLease: lease, fetching: this.#fetching };
      return described.tasks === null ? await this.#openShards(local, known) : await this.#openTasks(local);
    } catch (error) {
      if (isShardmillError(error) && ERROR_CODES[error.code].attempt === "refuse") {
        this.#refused.set(lease.jobId, error);
        const { code, message: reason, hint } = error;
        this.#options.log.error({ job: lease.jobId, code, reason, hint }, "this worker cannot run the job");
      }
      throw error;
    }
  }

  #openShards(options: DeviceOptions & LocalJobOptions, known: Known): Promise<RunnableJob> {
    const { jobId } = options.firstLease;
    return OpenJob.open({
      ...options,
      threads: this.#threads,
      sharedLanes: this.#lanes,
      onDevice: (report) => this.#reportDevice(jobId, known, report),
      onBusy: (shares, { run, padded }, batch) => {
        known.batch = batch;
        // An idle job would report idle threads.
        if (this.#atHand === known) this.#busy = shares;
        this.#positions = { run: this.#positions.run + run, padded: this.#positions.padded + padded };
      },
    });
  }

  /** Opens an inner job. Its code is loaded only here. */
  async #openTasks(options: LocalJobOptions): Promise<RunnableJob> {
    this.#busy = {};
    const { OpenTasks } = await import("./open-tasks.ts");
    return await OpenTasks.open({ ...options, slots: this.#tasks });
  }
}

/** Restricts a job to locations that both this worker's operator and the coordinator allow. */
function within(job: JobDescription, own: readonly string[] | undefined): JobDescription {
  if (own === undefined) return job;
  const { allowed = own } = job.stores;
  return { ...job, stores: { ...job.stores, allowed: bothAllow(allowed, own), isNarrowed: true } };
}

/** Returns a check whether less than half of the GPU's memory is free. Unreadable memory counts as free. */
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
