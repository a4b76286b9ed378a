import { setMaxListeners } from "node:events";
import type { Worker } from "node:worker_threads";
import type { CallContext } from "../../shared/core/remote/peer.ts";
import { FetchBudget } from "../../shared/dataset/fetch-budget.ts";
import type { BatchInUse } from "../../shared/domain/batch-in-use.ts";
import type { ExecutionId } from "../../shared/domain/execution-id.ts";
import type { Lease } from "../../shared/domain/job.ts";
import type { PartialManifest } from "../../shared/domain/partial.ts";
import { shardRows } from "../../shared/domain/shard.ts";
import type { StepJob } from "../../shared/domain/step-job.ts";
import type { Stage } from "../../shared/domain/worker.ts";
import type { JobDescription } from "../../shared/wire/job-description.ts";
import type { LearnedBatch } from "../batch/batch-sizer.ts";
import type { MappedShard, ShardResult } from "../collect/collector.ts";
import { finishRows } from "../finish/finish-rows.ts";
import type { Lanes } from "../lanes/lanes.ts";
import type { BusyMeter } from "../meter/busy-meter.ts";
import type { DataAccess } from "../read/data-access.ts";
import { InputFiles } from "../read/input-files.ts";
import { ShardInput } from "../read/shard-input.ts";
import type { Ways } from "../read/ways.ts";
import { StageSteps } from "../steps/stage-steps.ts";
import { WriteThreadClient } from "../write/write-thread-client.ts";
import { CopiedShards } from "./copied-shards.ts";
import { mapShard } from "./map-shard.ts";
import { PrepareStages, type StageLanes } from "./prepare-stages.ts";
import { ShardOrder, type ShardPass } from "./shard-order.ts";
import type { ShardEvent } from "./shard-protocol.ts";
import { type StartedModel, startModel } from "./start-model.ts";
import { fetchedBytesOf, stepThreadCount } from "./thread-counts.ts";

/** Interval of progress reports. Heartbeats pass them on every few seconds. */
const PROGRESS_MS = 200;

interface ShardContextOptions {
  readonly job: JobDescription;
  readonly input: Ways;
  readonly output: DataAccess;
  /** Null: the job has no model. */
  readonly lanes: (Lanes & Disposable) | null;
  /** Lanes of each stage before the last one. */
  readonly stages: readonly StageLanes[];
  /** Threads that feed these lanes, including this one. */
  readonly shardThreads: number;
  /** Cores that all these threads may use. */
  readonly cores: number;
  readonly ofJob?: StepJob;
  readonly scratchPath: string;
  /** Batch sizes that an earlier run learned. */
  readonly learned: LearnedBatch;
  /** Write thread of an earlier job, which the context takes over. Default: one is started. */
  readonly writeThread?: Worker | undefined;
  readonly meter: BusyMeter;
  readonly nowMs: () => number;
  /** Called for an input file that is not read on the nearest way. */
  readonly onFar: (path: string) => void;
  /** @param stage index of a stage before the last one. Null: the last one, or the only model */
  readonly onLearned: (learned: LearnedBatch, stage: number | null) => void;
}

type ShardCalls = Pick<CallContext<ShardEvent>, "signal" | "emit">;

/**
 * One job in a shard thread: its input, lanes, write thread, and current shards. Shards overlap, but each
 * stage is in order of the leases:
 *
 * ```
 * prefetch   open the file, decode the first rows       one shard; two for distant files
 * read       pass all rows to the lanes                 one shard
 * collect    wait for the last batches                  any
 * write      in the write thread: encode, combine SQL   one shard, and one that waits
 * ```
 */
export class ShardContext implements AsyncDisposable {
  readonly #options: ShardContextOptions;
  readonly #files: InputFiles;
  /** Null: the job has no model. */
  readonly #model: StartedModel | null;
  readonly #writer: WriteThreadClient;
  /** Null: the rows of the job must be decoded. */
  readonly #copied: CopiedShards | null;
  readonly #prepare: PrepareStages;
  /** Steps behind the model. Null: the job has none. */
  readonly #finish: StageSteps | null;
  readonly #fetches: FetchBudget;
  readonly #order = new ShardOrder();
  /** Rows of the largest shard so far. */
  #largestShard = 0;

  constructor(options: ShardContextOptions) {
    const { job, input, output, scratchPath, writeThread, meter } = options;
    this.#options = options;
    this.#writer = new WriteThreadClient({
      ...{ job, output, scratchPath, meter },
      ...(writeThread === undefined ? {} : { thread: writeThread }),
    });
    const shardRowsSoFar = () => this.#largestShard;
    this.#prepare = new PrepareStages(options, shardRowsSoFar);
    this.#finish = startFinish(options);
    this.#fetches = new FetchBudget(fetchedBytesOf(options.shardThreads));
    this.#files = new InputFiles({
      ways: input.ways,
      meter,
      onFar: options.onFar,
    });
    const { lanes, learned, onLearned, shardThreads, cores } = options;
    const atOnce = Math.max(1, Math.floor(cores / shardThreads));
    this.#copied = job.copiesRows ? new CopiedShards({ ...options, files: this.#files, atOnce }) : null;
    this.#model =
      lanes === null
        ? null
        : startModel(lanes, job, {
            ...{ shardThreads, learned, largestShard: shardRowsSoFar },
            onLearned: (news) => onLearned(news, null),
          });
  }

  /** Runs a shard, and waits until its partial is stored. */
  async run(lease: Lease, executionId: ExecutionId, calls: ShardCalls): Promise<PartialManifest> {
    const { signal } = calls;
    this.#largestShard = Math.max(this.#largestShard, shardRows(lease.shard));
    // Each prefetched file listens. Node warns of a leak above ten listeners.
    setMaxListeners(0, signal);
    return (
      (await this.#runCopied(lease, executionId, calls)) ?? (await this.#runMapped(lease, executionId, calls))
    );
  }

  /** Runs a shard without decoding its rows. Null: they must be decoded. */
  async #runCopied(lease: Lease, executionId: ExecutionId, { signal, emit }: ShardCalls) {
    if (this.#copied?.isUsable !== true) return null;
    using pass = await this.#enter(lease, signal);
    await pass.turn();
    const onRead = () => {
      pass.endRead();
      emit({ kind: "shardRead" });
    };
    return await this.#copied.run({ lease, executionId, signal, onRead });
  }

  #enter(lease: Lease, signal: AbortSignal): Promise<ShardPass> {
    const isFar = lease.slices.some(({ file }) => this.#options.input.isFar(file.path));
    return this.#order.enter(isFar ? "far" : "near", signal);
  }

  async #runMapped(lease: Lease, executionId: ExecutionId, calls: ShardCalls): Promise<PartialManifest> {
    const { signal } = calls;
    using pass = await this.#enter(lease, signal);
    const mapped = await this.#map(lease, pass, calls);
    const result =
      this.#finish === null
        ? withoutSources(mapped)
        : await finishRows(mapped, { steps: this.#finish, lease, signal });
    return await this.#writer.write(result, { lease, executionId, signal });
  }

  /** Threads of stages that have several. */
  get threads(): Readonly<Partial<Record<Stage, number>>> {
    const { cores, shardThreads } = this.#options;
    const stepThreads = stepThreadCount(cores, shardThreads);
    const infer = Math.max(1, (this.#model?.lanes.count ?? 0) + this.#prepare.lanes);
    return { infer, prepare: stepThreads, finish: stepThreads };
  }

  /** Batch size, with its bound. Null before the first batch, and without a model. */
  get batch(): BatchInUse | null {
    return this.#model?.sizer.inUse ?? null;
  }

  /**
   * Closes everything but the write thread. No shard may be running.
   *
   * @returns the write thread. Undefined: it has ended.
   */
  async leave(): Promise<Worker | undefined> {
    const [thread] = await Promise.all([this.#writer.leave(), this.#closeRest()]);
    return thread;
  }

  /** Closes everything. No shard may be running. */
  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.all([this.#writer[Symbol.asyncDispose](), this.#closeRest()]);
  }

  async #closeRest(): Promise<void> {
    await this.#copied?.[Symbol.asyncDispose]();
    await this.#files[Symbol.asyncDispose]();
    this.#model?.lanes[Symbol.dispose]();
    await Promise.all([this.#prepare[Symbol.asyncDispose](), this.#finish?.[Symbol.asyncDispose]()]);
    await this.#options.input[Symbol.asyncDispose]();
  }

  async #map(lease: Lease, pass: ShardPass, { signal, emit }: ShardCalls): Promise<MappedShard> {
    const { job, meter } = this.#options;
    try {
      using input = await ShardInput.open(lease.slices, this.#files, {
        signal,
        budget: this.#fetches,
        onFile: (slice) => emit({ kind: "fileStarted", slice }),
      });
      const result = await mapShard({
        steps: this.#prepare.steps,
        job,
        lease,
        input,
        model: this.#model,
        meter,
        signal,
        turn: () => pass.turn(),
        onRead: () => {
          pass.endRead();
          emit({ kind: "shardRead" });
        },
        onProgress: this.#progressOf(emit),
      });
      this.#prepare.checkSomeMapped(lease.shard);
      await input.confirm(signal);
      return result;
    } finally {
      pass.endRead();
    }
  }

  #progressOf(emit: ShardCalls["emit"]): (rowsDone: number) => void {
    const { nowMs } = this.#options;
    let reportedMs = -Infinity;
    return (rowsDone) => {
      if (nowMs() - reportedMs < PROGRESS_MS) return;
      reportedMs = nowMs();
      emit({ kind: "progress", rowsDone });
    };
  }
}

/** Starts the threads for the steps behind the model. Null: the job has no such steps. */
function startFinish({ job, ...options }: ShardContextOptions): StageSteps | null {
  const threads = stepThreadCount(options.cores, options.shardThreads);
  const { finish: steps } = job.map;
  return steps.length === 0
    ? null
    : new StageSteps({ ...options, stage: "finish", steps, threads, stores: job.stores });
}

function withoutSources({
  sources: _sources,
  letters: _letters,
  noted: _noted,
  ...result
}: MappedShard): ShardResult {
  return result;
}
