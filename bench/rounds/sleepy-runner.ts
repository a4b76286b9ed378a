import { sleep } from "../../shared/core/abort.ts";
import type { ExecutionId } from "../../shared/domain/execution-id.ts";
import type { Lease } from "../../shared/domain/job.ts";
import type { PartialManifest } from "../../shared/domain/partial.ts";
import { shardRows } from "../../shared/domain/shard.ts";
import type { JobDescription } from "../../shared/wire/job-description.ts";
import type { ShardRunner } from "../../worker/lease/shard-runner.ts";
import { writeCountingPartial } from "../fixtures/counting-partial.ts";

interface SleepyRunnerOptions {
  readonly describeJob: (lease: Lease) => Promise<JobDescription>;
  /** Returns the duration of a shard. Shards of one worker run one after another, as on one device. */
  readonly shardMs: (lease: Lease) => number;
}

/** Number of progress reports of a shard. */
const STEPS = 10;

/** Runs the shards of a counting job like a slow device: waits, then writes a real partial. */
export class SleepyRunner implements ShardRunner {
  readonly #options: SleepyRunnerOptions;
  #before: Promise<unknown> = Promise.resolve();
  #partialsPath: Promise<string> | null = null;

  constructor(options: SleepyRunnerOptions) {
    this.#options = options;
  }

  run(
    lease: Lease,
    executionId: ExecutionId,
    options: { readonly signal: AbortSignal; readonly onProgress: (rowsDone: number) => void },
  ): Promise<PartialManifest> {
    const turn = this.#before.then(() => this.#run(lease, executionId, options));
    this.#before = turn.catch(() => {});
    return turn;
  }

  async #run(
    lease: Lease,
    executionId: ExecutionId,
    { signal, onProgress }: { readonly signal: AbortSignal; readonly onProgress: (rowsDone: number) => void },
  ): Promise<PartialManifest> {
    const rows = shardRows(lease.shard);
    const stepMs = this.#options.shardMs(lease) / STEPS;
    signal.throwIfAborted();
    for (let step = 1; step <= STEPS && stepMs > 0; step += 1) {
      await sleep(stepMs, signal);
      onProgress(Math.floor((rows * step) / STEPS));
    }
    this.#partialsPath ??= this.#options.describeJob(lease).then((job) => job.partialsPath);
    this.#partialsPath.catch(() => {
      this.#partialsPath = null;
    });
    return writeCountingPartial(await this.#partialsPath, lease, executionId);
  }
}
