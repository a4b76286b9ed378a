import { mkdir } from "node:fs/promises";
import { join } from "node:path";
import { NEVER } from "../../shared/core/abort.ts";
import { canonicalJson } from "../../shared/core/digest.ts";
import type { SpareThreads } from "../../shared/core/spare-threads.ts";
import type { DeviceReport } from "../../shared/domain/accuracy.ts";
import type { Lease, ModelFile } from "../../shared/domain/job.ts";
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
import { shouldShareSession } from "../lanes/share-session.ts";
import type { SharedLanes } from "../lanes/shared-lanes.ts";
import { mergeShares } from "../meter/busy-meter.ts";
import { type OnBusy, ShardThreadClient } from "../pipeline/shard-thread-client.ts";
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
  /** Service to fetch files from that are not visible here. Null: there is no coordinator. */
  readonly data: DataService | null;
  readonly session: SessionCell;
  readonly firstLease: Lease;
  /** Updated while files of the job are fetched. Default: not reported. */
  readonly fetching?: FetchProgress;
  /** Lanes that jobs with the same model share. Default: the job has its own. */
  readonly sharedLanes?: SharedLanes;
  /** Shard threads that wait for a job. They outlast the job. */
  readonly threads: SpareThreads;
  /**
   * Reports the comparison of the device with the CPU. Called before the first shard, and before a wrong
   * device closes the job.
   */
  readonly onDevice: (report: DeviceReport) => Promise<void>;
  /** Reports the busy shares of all shard threads, and the positions and batches of one of them. */
  readonly onBusy: OnBusy;
}

interface Jobs {
  /** Job as the coordinator described it. */
  readonly described: JobDescription;
  /** Job with its steps' files on this machine. */
  readonly job: JobDescription;
}

interface Parts {
  readonly access: AccessChoice;
  readonly model: LocalModel;
  readonly machine: Promise<MachineFacts>;
  /** Memory of this process before anything of the job was loaded. */
  readonly rssBefore: number;
}

interface Found extends Pick<Parts, "model" | "rssBefore"> {
  readonly lanes: LaneSet;
  readonly tuning: JobTuning;
  readonly learned: LearnedBatch;
}

/**
 * Open job of one worker: description, access to files, the model in the lanes, and shard threads that feed
 * them. A shard thread that a file broke is replaced. Broken lanes end the process.
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
  /** Last report of each shard thread, by index. */
  readonly #busy = new Map<number, StageShares>();
  #learned: LearnedBatch;
  /** Pending write of learned sizes. */
  #keeping: Promise<void> = Promise.resolve();
  /** Resolves when the threads that this job gave up are free for another. */
  #resting: Promise<void> = Promise.resolve();
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
    this.#rssBefore = found.rssBefore;
    this.#model = found.model;
    this.#threads = new ShardThreads(options.shardThreads, (index, onBroken) =>
      this.#startThread(index, onBroken),
    );
  }

  static async open(options: OpenJobOptions): Promise<OpenJob> {
    // The first shard thread starts while the model loads.
    options.threads.warm();
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
      return await OpenJob.#load(options, { described, job }, { access, model, machine, rssBefore });
    } catch (error) {
      await model.release();
      throw error;
    }
  }

  /** Loads the model of a job into the lanes. */
  static async #load(options: OpenJobOptions, jobs: Jobs, parts: Parts): Promise<OpenJob> {
    const { device, log } = options;
    const { job } = jobs;
    const { access, model, machine, ...rest } = parts;
    const tuning = new JobTuning(options.tuning ?? NO_TUNING_CACHE, job, machine);
    const plan = lanePlanOf(options);
    const sharing = { device, ...plan, modelBytes: bytesOf(job.model) };
    const sharesSession = await shouldShareSession(sharing, { log });
    const loaded = { device, ...plan, fixedBatch: fixedBatchOf(job.map), sharesSession };
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
    log.info({ job: job.jobId, loadMs: Math.round(started.loadMs), sharesSession }, "lanes ready");
    const learned = await tuning.recallBatch(plan);
    return new OpenJob(options, jobs, access, { ...rest, model, lanes: started, tuning, learned });
  }

  /**
   * Checks the device, and reports the result.
   *
   * @throws {DEVICE_WRONG} when the device gives other numbers than the CPU
   */
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

  /** Checks whether the description is unchanged. A restarted coordinator may have other batch sizes. */
  isStill(job: JobDescription): boolean {
    const known = (of: JobDescription): string => canonicalJson({ ...of, beacon: null });
    return known(job) === known(this.#described);
  }

  /**
   * Returns this process's growth since the job was opened, or at least the model's size. GPU memory is
   * unknown here, and estimated as the model's size.
   */
  memoryBytes(): number {
    return Math.max(bytesOf(this.#job.model), process.memoryUsage.rss() - this.#rssBefore);
  }

  /** Runs a shard on one of the job's shard threads, as `ShardThreads.use` does. */
  readonly useThread: ShardThreads["use"] = (work) => this.#threads.use(work);

  /** Leaves the shard threads to the next job. No shard may be running. A later shard takes threads again. */
  rest(): Promise<void> {
    this.#resting = this.#threads.leave().then((threads) => {
      for (const thread of threads) this.#options.threads.keep(thread);
    });
    return this.#resting;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#resting.catch(() => {});
    await this.#threads[Symbol.asyncDispose]();
    await this.#lanes[Symbol.asyncDispose]();
    await this.#model.release();
    await this.#keeping;
  }

  /** Logs the first file that is not visible here. Only once, because each shard may have one. */
  #reportFar(path: string): void {
    if (this.#hasReportedFar) return;
    this.#hasReportedFar = true;
    this.#options.log.info(
      { job: this.#job.jobId, path },
      "an input file that is not visible here is read through the coordinator, and more may follow",
    );
  }

  #reportFirstRows(): void {
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
    const thread = new ShardThreadClient({
      thread: this.#options.threads.take(),
      onBusy: (shares, positions, batch) => {
        this.#busy.set(index, shares);
        onBusy(mergeShares([...this.#busy.values()], shardThreads), positions, batch);
      },
      onLearned: (news) => this.#keep(news),
      onFarFile: (path) => this.#reportFar(path),
      onRows: () => this.#reportFirstRows(),
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

/** Returns the size of a model's files. */
function bytesOf({ bytes, externalData }: ModelFile): number {
  return externalData.reduce((sum, file) => sum + file.bytes, bytes);
}
