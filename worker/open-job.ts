import { mkdir } from "node:fs/promises";
import { join } from "node:path";
import type { Logger } from "../shared/core/log.ts";
import type { JobDescription, Lease } from "../shared/domain/job.ts";
import type { Device } from "../shared/domain/job-spec.ts";
import type { PartialManifest } from "../shared/domain/partial.ts";
import type { StageShares, WorkerSession } from "../shared/domain/worker.ts";
import type { DataService } from "../shared/wire/services.ts";
import { type AccessChoice, type AccessMode, chooseAccess } from "./data-access.ts";
import { type LaneSet, startLanes } from "./infer/lane-set.ts";
import { openLocalModel } from "./local-model.ts";
import { ShardThreadClient } from "./shard-thread-client.ts";

export interface DeviceOptions {
  /** Where the coordinator is: shard threads that cannot see the data make their own connection. */
  readonly address: string;
  readonly device: Exclude<Device, "auto">;
  readonly lanes: number;
  readonly threadsPerLane: number;
  readonly access: AccessMode;
  /** A folder of this process alone. */
  readonly scratchPath: string;
  readonly log: Logger;
  /** The device's runtime is beyond repair: this process must be replaced. */
  readonly onBroken: (error: Error) => void;
}

export interface OpenJobOptions extends DeviceOptions {
  readonly describeJob: () => Promise<JobDescription>;
  /** Where a model that is not visible here is fetched from; null where there is no coordinator. */
  readonly data: DataService | null;
  readonly session: WorkerSession;
  readonly firstLease: Lease;
  readonly onBusy: (shares: StageShares) => void;
}

/**
 * A job as one worker has it open: its description, what it sees of the files, the model loaded in the lanes, and the
 * shard thread that feeds them. A shard thread that a file has broken is replaced; broken lanes are the process's end.
 */
export class OpenJob implements AsyncDisposable {
  readonly #options: OpenJobOptions;
  readonly #job: JobDescription;
  readonly #access: AccessChoice;
  readonly #lanes: LaneSet;
  #thread: Promise<ShardThreadClient> | null = null;
  #running = 0;
  #closing = false;

  private constructor(options: OpenJobOptions, job: JobDescription, access: AccessChoice, lanes: LaneSet) {
    this.#options = options;
    this.#job = job;
    this.#access = access;
    this.#lanes = lanes;
  }

  static async open(options: OpenJobOptions): Promise<OpenJob> {
    const { session, firstLease, device, lanes, threadsPerLane, log } = options;
    const job = await options.describeJob();
    const access = await chooseAccess(options.access, job, firstLease, { address: options.address, session });
    const { data, scratchPath } = options;
    const model = await openLocalModel({ job, visible: access.modelVisible, data, session, scratchPath });
    log.info(
      { job: job.jobId, input: access.input.kind, output: access.output.kind, device, lanes },
      "job opened",
    );
    const laneSet = await startLanes({ modelPath: model.path, device, lanes, threads: threadsPerLane });
    await model.checkUnchanged().catch(async (error: unknown) => {
      await laneSet[Symbol.asyncDispose]();
      throw error;
    });
    laneSet.onBroken((error) => options.onBroken(error));
    return new OpenJob(options, job, access, laneSet);
  }

  async run(
    lease: Lease,
    executionId: string,
    options: { readonly signal: AbortSignal; readonly onProgress: (rowsDone: number) => void },
  ): Promise<PartialManifest> {
    this.#running += 1;
    try {
      const thread = await this.#shardThread();
      return await thread.run(lease, executionId, options);
    } finally {
      this.#running -= 1;
      if (this.#closing && this.#running === 0) await this[Symbol.asyncDispose]();
    }
  }

  async closeWhenIdle(): Promise<void> {
    this.#closing = true;
    if (this.#running === 0) await this[Symbol.asyncDispose]();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const thread = this.#thread;
    this.#thread = null;
    await thread?.then((client) => client[Symbol.asyncDispose]()).catch(() => {});
    await this.#lanes[Symbol.asyncDispose]();
  }

  #shardThread(): Promise<ShardThreadClient> {
    this.#thread ??= this.#startThread().catch((error: unknown) => {
      this.#thread = null;
      throw error;
    });
    return this.#thread;
  }

  async #startThread(): Promise<ShardThreadClient> {
    const scratchPath = join(this.#options.scratchPath, "shards");
    await mkdir(scratchPath, { recursive: true });
    const thread = new ShardThreadClient({
      onBusy: this.#options.onBusy,
      onBroken: (error) => {
        this.#options.log.warn({ reason: error.message }, "a shard thread is replaced");
        this.#thread = null;
      },
    });
    await thread.open({
      kind: "openJob",
      job: this.#job,
      input: this.#access.input,
      output: this.#access.output,
      lanePorts: this.#lanes.connect(),
      scratchPath,
    });
    return thread;
  }
}
