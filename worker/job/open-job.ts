import { mkdir } from "node:fs/promises";
import { join } from "node:path";
import type { Worker } from "node:worker_threads";
import { NEVER } from "../../shared/core/abort.ts";
import { canonicalJson } from "../../shared/core/digest.ts";
import type { DeviceReport } from "../../shared/domain/accuracy.ts";
import type { Lease } from "../../shared/domain/job.ts";
import { modelDigest } from "../../shared/domain/model-digest.ts";
import type { StageShares } from "../../shared/domain/worker.ts";
import { createCoordinatorStorage } from "../../shared/storage/coordinator.ts";
import type { FetchProgress } from "../../shared/storage/fetch-progress.ts";
import { patientStorage } from "../../shared/storage/patient.ts";
import type { JobDescription } from "../../shared/wire/job-description.ts";
import type { DataService } from "../../shared/wire/services.ts";
import { type CheckDeviceOptions, checkDevice } from "../accuracy/check-device.ts";
import { type LearnedBatch, mergeLearned } from "../batch/batch-sizer.ts";
import { fixedBatchOf } from "../lanes/fixed-batch.ts";
import { type LaneSet, startLanes } from "../lanes/lane-set.ts";
import type { SharedLanes } from "../lanes/shared-lanes.ts";
import { mergeShares } from "../meter/busy-meter.ts";
import { type OnBusy, ShardThreadClient, startShardThread } from "../pipeline/shard-thread-client.ts";
import { ShardThreads } from "../pipeline/shard-threads.ts";
import { type SessionCell, sessionIn } from "../read/session-cell.ts";
import { JobTuning } from "../tuning/job-tuning.ts";
import { findMachineFacts, type MachineFacts } from "../tuning/machine-facts.ts";
import { NO_TUNING_CACHE } from "../tuning/tuning-cache.ts";
import { type AccessChoice, chooseAccess } from "./choose-access.ts";
import { type DeviceOptions, lanePlanOf } from "./device-options.ts";
import { type LocalModel, openLocalFiles } from "./local-model.ts";

export interface OpenJobOptions extends DeviceOptions {
  readonly describeJob: () => Promise<JobDescription>;
  /** Where a model that is not visible here is fetched from; null where there is no coordinator. */
  readonly data: DataService | null;
  readonly session: SessionCell;
  readonly firstLease: Lease;
  /** Is kept up to date while files of the job are fetched. Left out: nobody looks. */
  readonly fetching?: FetchProgress;
  /** Lanes that jobs of the same model share. Left out: the job has its own. */
  readonly sharedLanes?: SharedLanes;
  /** From `startShardThread`, the job's from here on. Left out: one is started. */
  readonly thread?: Worker;
  /**
   * How the device compares with the CPU: before the first shard, and before the job is closed because it is
   * wrong.
   */
  readonly onDevice: (report: DeviceReport) => Promise<void>;
  /** The busy shares over all shard threads; the positions that one of them ran, and the batches it makes. */
  readonly onBusy: OnBusy;
}

interface Jobs {
  /** As the coordinator tells of it. */
  readonly described: JobDescription;
  /** With its steps' files as they lie here. */
  readonly job: JobDescription;
}

interface Parts {
  readonly access: AccessChoice;
  readonly model: LocalModel;
  readonly machine: Promise<MachineFacts>;
  /** Of this process, before anything of the job was loaded. */
  readonly rssBefore: number;
  /** The first shard thread, which gets ready while the model is loaded. */
  readonly thread: Worker;
}

interface Found extends Pick<Parts, "model" | "rssBefore" | "thread"> {
  readonly lanes: LaneSet;
  readonly tuning: JobTuning;
  readonly learned: LearnedBatch;
}

/**
 * A job as one worker has it open: its description, what it sees of the files, the model loaded in the lanes,
 * and the shard threads that feed them. A shard thread that a file has broken is replaced; broken lanes are
 * the process's end.
 */
export class OpenJob implements AsyncDisposable {
  readonly #options: OpenJobOptions;
  readonly #described: JobDescription;
  readonly #job: JobDescription;
  readonly #access: AccessChoice;
  readonly #lanes: LaneSet;
  readonly #tuning: JobTuning;
  readonly #threads: ShardThreads;
  readonly #rssBefore: number;
  readonly #model: LocalModel;
  /** What each shard thread last reported, by its place. */
  readonly #busy = new Map<number, StageShares>();
  #learned: LearnedBatch;
  /** What was learned is being kept. */
  #keeping: Promise<void> = Promise.resolve();
  /** Started, and not yet taken into use. */
  #spare: Worker | null;
  #hasMapped = false;
  #hasReportedFar = false;

  private constructor(options: OpenJobOptions, jobs: Jobs, access: AccessChoice, found: Found) {
    this.#options = options;
    this.#described = jobs.described;
    this.#job = jobs.job;
    this.#access = access;
    this.#lanes = found.lanes;
    this.#tuning = found.tuning;
    this.#learned = found.learned;
    this.#spare = found.thread;
    this.#rssBefore = found.rssBefore;
    this.#model = found.model;
    this.#threads = new ShardThreads(options.shardThreads, (index, onBroken) =>
      this.#startThread(index, onBroken),
    );
  }

  static async open(options: OpenJobOptions): Promise<OpenJob> {
    const thread = options.thread ?? startShardThread();
    try {
      return await OpenJob.#open(options, thread);
    } catch (error) {
      await thread.terminate();
      throw error;
    }
  }

  static async #open(options: OpenJobOptions, thread: Worker): Promise<OpenJob> {
    const { address, credential, session, firstLease, device, lanes, log } = options;
    const rssBefore = process.memoryUsage.rss();
    const machine = findMachineFacts(device);
    machine.catch(() => {});
    const described = await options.describeJob();
    const far = { address, credential, session };
    const access = await chooseAccess(options.access, described, firstLease, far);
    const { data, scratchPath, copies = { path: scratchPath }, fetching: progress } = options;
    const ofCoordinator = { session: () => sessionIn(session), jobId: described.jobId };
    const coordinator = data && patientStorage(createCoordinatorStorage({ data, ...ofCoordinator }));
    const local = { job: described, from: access.model, coordinator, copies, progress };
    const allowsModules = options.allowsModules === true;
    const { job, model } = await openLocalFiles(local, { allowsModules, log });
    log.info(
      {
        job: job.jobId,
        input: access.input.map(({ kind }) => kind).join(", else "),
        output: access.output.kind,
        device,
        lanes,
      },
      "job opened",
    );
    try {
      return await OpenJob.#load(options, { described, job }, { access, model, thread, machine, rssBefore });
    } catch (error) {
      await model.release();
      throw error;
    }
  }

  /** The job with its model in the lanes. */
  static async #load(options: OpenJobOptions, jobs: Jobs, parts: Parts): Promise<OpenJob> {
    const { device, log } = options;
    const { job } = jobs;
    const { access, model, machine, ...rest } = parts;
    const tuning = new JobTuning(options.tuning ?? NO_TUNING_CACHE, job, machine);
    const loaded = { device, ...lanePlanOf(options), fixedBatch: fixedBatchOf(job.map) };
    const script = options.laneScript === undefined ? {} : { script: options.laneScript };
    const start = () => startLanes({ modelPath: model.path, ...loaded, ...script }, NEVER);
    const key = canonicalJson([modelDigest(job.model), { ...loaded }]);
    const started = await (options.sharedLanes?.take(key, start) ?? start());
    try {
      await model.checkUnchanged();
      const modelPath = model.path;
      await OpenJob.#check(options, job, { access, modelPath, lanes: started, tuning, machine });
    } catch (error) {
      await started[Symbol.asyncDispose]();
      throw error;
    }
    started.onBroken((error) => options.onBroken(error));
    log.info({ job: job.jobId, loadMs: Math.round(started.loadMs) }, "lanes ready");
    const learned = await tuning.recallBatch(lanePlanOf(options));
    return new OpenJob(options, jobs, access, { ...rest, model, lanes: started, tuning, learned });
  }

  /** Tells what the device was found to be. @throws {DEVICE_WRONG} it gives other numbers than the CPU */
  static async #check(
    { device, log, onDevice }: OpenJobOptions,
    job: JobDescription,
    parts: Pick<CheckDeviceOptions, "modelPath" | "lanes" | "tuning"> & Pick<Parts, "access" | "machine">,
  ): Promise<void> {
    const { access, machine, ...rest } = parts;
    const found = await checkDevice({ ...rest, job, device, input: access.input, machine: await machine });
    if (found === null) return;
    const { report, error } = found;
    const { rows, seconds, remembered } = report;
    log.info(
      { job: job.jobId, device, rows, seconds, remembered, refusal: report.refusal },
      "device checked",
    );
    await onDevice(report);
    if (error !== null) throw error;
  }

  /**
   * Whether it is still this job: a coordinator that was started again may have been told other sizes of
   * batches.
   */
  isStill(job: JobDescription): boolean {
    const known = (of: JobDescription): string => canonicalJson({ ...of, beacon: null });
    return known(job) === known(this.#described);
  }

  /**
   * By how much this process has grown since it was opened, or at least its model. What it takes of a GPU is
   * not known here, and taken to be its model.
   */
  memoryBytes(): number {
    const { bytes, externalData } = this.#job.model;
    const modelBytes = externalData.reduce((sum, file) => sum + file.bytes, bytes);
    return Math.max(modelBytes, process.memoryUsage.rss() - this.#rssBefore);
  }

  /** Gives one of the job's shard threads to a shard, as `ShardThreads.use` does. */
  readonly useThread: ShardThreads["use"] = (work) => this.#threads.use(work);

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#threads[Symbol.asyncDispose]();
    await this.#spare?.terminate();
    await this.#lanes[Symbol.asyncDispose]();
    await this.#model.release();
    await this.#keeping;
  }

  /** Once: there may be as many as shards. */
  #tellFar(path: string): void {
    if (this.#hasReportedFar) return;
    this.#hasReportedFar = true;
    this.#options.log.info(
      { job: this.#job.jobId, path },
      "input files that are not seen here are read from the coordinator; this is the first",
    );
  }

  #tellFirstRows(): void {
    if (this.#hasMapped) return;
    this.#hasMapped = true;
    this.#options.log.info({ job: this.#job.jobId }, "first rows mapped");
  }

  #keep(news: LearnedBatch): void {
    this.#learned = mergeLearned(this.#learned, news);
    this.#options.log.info({ ...news, caps: news.caps.length }, "batch size learned");
    this.#keeping = this.#keeping.then(() => this.#tuning.rememberBatch(lanePlanOf(this.#options), news));
  }

  async #startThread(index: number, onBroken: () => void): Promise<ShardThreadClient> {
    const { log, shardThreads, stepThreads, onBusy } = this.#options;
    const scratchPath = join(this.#options.scratchPath, "shards");
    await mkdir(scratchPath, { recursive: true });
    const spare = this.#spare;
    this.#spare = null;
    const thread = new ShardThreadClient({
      ...(spare === null ? {} : { thread: spare }),
      onBusy: (shares, positions, batch) => {
        this.#busy.set(index, shares);
        onBusy(mergeShares([...this.#busy.values()], shardThreads), positions, batch);
      },
      onLearned: (news) => this.#keep(news),
      onFarFile: (path) => this.#tellFar(path),
      onRows: () => this.#tellFirstRows(),
      onLanesBusy: () => log.info({ job: this.#job.jobId }, "all lanes busy"),
      onBroken: (error) => {
        log.warn({ reason: error.message }, "a shard thread is replaced");
        this.#busy.delete(index);
        onBroken();
      },
    });
    await thread.open({
      job: this.#job,
      input: this.#access.input,
      output: this.#access.output,
      lanePorts: this.#lanes.connect(),
      shardThreads,
      stepThreads,
      scratchPath,
      learned: this.#learned,
    });
    return thread;
  }
}
