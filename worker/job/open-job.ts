import { mkdir } from "node:fs/promises";
import { join } from "node:path";
import type { SpareThreads } from "../../shared/core/spare-threads.ts";
import type { StageShares } from "../../shared/domain/worker.ts";
import type { JobDescription } from "../../shared/wire/job-description.ts";
import { type LearnedBatch, mergeLearned, NOTHING_LEARNED } from "../batch/batch-sizer.ts";
import { mergeShares } from "../meter/busy-meter.ts";
import type { LearnedNews } from "../pipeline/shard-protocol.ts";
import { type OnBusy, ShardThreadClient } from "../pipeline/shard-thread-client.ts";
import { ShardThreads } from "../pipeline/shard-threads.ts";
import { findMachineFacts } from "../tuning/machine-facts.ts";
import type { AccessChoice } from "./choose-access.ts";
import { type DeviceOptions, lanePlanOf } from "./device-options.ts";
import { keptFolder } from "./kept-folder.ts";
import {
  closeModels,
  type LoadedModel,
  type LoadModelOptions,
  loadModels,
  modelBytes,
} from "./load-model.ts";
import { isSameJob, type LocalJobOptions, openLocalJob, type RunnableJob } from "./local-job.ts";

export interface OpenJobOptions extends DeviceOptions, LoadModelOptions, LocalJobOptions {
  /** Shard threads that wait for a job. They outlast the job. */
  readonly threads: SpareThreads;
  /** Reports the busy shares of all shard threads, and the positions and batches of one of them. */
  readonly onBusy: OnBusy;
}

interface Found {
  /** Job with its steps' files on this machine. */
  readonly job: JobDescription;
  readonly access: AccessChoice;
  /** Memory of this process before anything of the job was loaded. */
  readonly rssBefore: number;
  /** Null: the job has no model. */
  readonly model: LoadedModel | null;
  /** Models of the stages before the last one. */
  readonly stages: readonly LoadedModel[];
}

/**
 * Open job of one worker: description, access to files, the model in the lanes, and shard threads that feed
 * them. A job without a model has no lanes. A shard thread that a file broke is replaced. Broken lanes end
 * the process.
 */
export class OpenJob implements RunnableJob {
  readonly #options: OpenJobOptions;
  readonly #job: JobDescription;
  readonly #access: AccessChoice;
  readonly #model: LoadedModel | null;
  readonly #stages: readonly LoadedModel[];
  readonly #threads: ShardThreads;
  readonly #rssBefore: number;
  /** Last report of each shard thread, by index. */
  readonly #busy = new Map<number, StageShares>();
  #learned: LearnedBatch;
  readonly #stagesLearned: LearnedBatch[];
  /** Pending write of learned sizes. */
  #keeping: Promise<void> = Promise.resolve();
  /** Resolves when the threads that this job gave up are free for another. */
  #resting: Promise<void> = Promise.resolve();
  #hasMapped = false;
  #hasReportedFar = false;

  private constructor(options: OpenJobOptions, { job, access, model, stages, rssBefore }: Found) {
    this.#options = options;
    this.#job = job;
    this.#access = access;
    this.#model = model;
    this.#stages = stages;
    this.#learned = model?.learned ?? NOTHING_LEARNED;
    this.#stagesLearned = stages.map(({ learned }) => learned);
    this.#rssBefore = rssBefore;
    this.#threads = new ShardThreads(options.shardThreads, (index, onBroken) =>
      this.#startThread(index, onBroken),
    );
  }

  static async open(options: OpenJobOptions): Promise<OpenJob> {
    // The first shard thread starts while the model loads.
    options.threads.warm();
    const { device, lanes, log } = options;
    const rssBefore = process.memoryUsage.rss();
    const machine = findMachineFacts(device);
    machine.catch(() => {});
    const { job, access, model: found, stages: foundStages } = await openLocalJob(options);
    log.info(
      {
        job: job.jobId,
        input: access.input.map(({ kind }) => kind).join(", else "),
        output: access.output.kind,
        ...(found === null ? {} : { device, lanes }),
      },
      "job opened",
    );
    const parts = { access, machine };
    const [stages, model] = await loadModels({ stages: foundStages, model: found }, job, parts, options);
    return new OpenJob(options, { job, access, model, stages, rssBefore });
  }

  isStill(job: JobDescription): boolean {
    return isSameJob(job, this.#options.described);
  }

  /**
   * Returns this process's growth since the job was opened, or at least the model's size. GPU memory is
   * unknown here, and estimated as the model's size.
   */
  memoryBytes(): number {
    const { model, stages = [] } = this.#job;
    const bytes = stages.reduce((sum, stage) => sum + modelBytes(stage.model), modelBytes(model));
    return Math.max(bytes, process.memoryUsage.rss() - this.#rssBefore);
  }

  /** Runs a shard on one of the job's shard threads. */
  readonly run: RunnableJob["run"] = (lease, executionId, options) =>
    this.#threads.use((thread, onRead) => thread.run(lease, executionId, { ...options, onRead }));

  /** Leaves the shard threads to the next job. A later shard takes threads again. */
  rest(): Promise<void> {
    this.#resting = this.#threads.leave().then((threads) => {
      for (const thread of threads) this.#options.threads.keep(thread);
    });
    return this.#resting;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#resting.catch(() => {});
    await this.#threads[Symbol.asyncDispose]();
    await closeModels([...this.#stages, ...(this.#model === null ? [] : [this.#model])]);
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

  #keep({ learned, stage }: LearnedNews): void {
    const known = stage === null ? this.#learned : this.#stagesLearned[stage];
    const merged = mergeLearned(known ?? NOTHING_LEARNED, learned);
    if (stage === null) this.#learned = merged;
    else this.#stagesLearned[stage] = merged;
    const { log } = this.#options;
    const ofStage = stage === null ? {} : { stage: this.#job.stages?.[stage]?.name };
    log.info({ ...ofStage, ...learned, caps: learned.caps.length }, "batch size learned");
    const model = stage === null ? this.#model : this.#stages[stage];
    const plan = lanePlanOf(this.#options);
    this.#keeping = this.#keeping.then(() => model?.tuning.rememberBatch(plan, learned));
  }

  async #startThread(index: number, onBroken: () => void): Promise<ShardThreadClient> {
    const { log, shardThreads, cores, share, onBusy } = this.#options;
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
      lanePorts: this.#model?.lanes.connect() ?? null,
      stages: this.#stages.map(({ lanes }, stage) => ({
        lanePorts: lanes.connect(),
        learned: this.#stagesLearned[stage] ?? NOTHING_LEARNED,
      })),
      shardThreads,
      cores,
      ...(share === undefined
        ? {}
        : { ofJob: { keptPath: await keptFolder(this.#options.described), share, shardThreads } }),
      scratchPath,
      learned: this.#learned,
    });
    return thread;
  }
}
