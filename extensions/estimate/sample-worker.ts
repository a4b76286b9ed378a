import { randomBytes } from "node:crypto";
import { present } from "../../shared/core/assert.ts";
import { ShardmillError } from "../../shared/core/errors.ts";
import { silentLogger } from "../../shared/core/log.ts";
import type { CallContext } from "../../shared/core/remote/peer.ts";
import type { DeviceReport } from "../../shared/domain/accuracy.ts";
import { asExecutionId } from "../../shared/domain/execution-id.ts";
import type { Lease } from "../../shared/domain/job.ts";
import { asJobId } from "../../shared/domain/job-id.ts";
import type { PartialManifest } from "../../shared/domain/partial.ts";
import { shardRows } from "../../shared/domain/shard.ts";
import { type PositionCounts, workerSession } from "../../shared/domain/worker.ts";
import type { OpenJob, OpenJobOptions } from "../../worker/job/open-job.ts";
import { leaseSlotCount } from "../../worker/pipeline/thread-counts.ts";
import { sessionCell } from "../../worker/read/session-cell.ts";
import type { TuningCache } from "../../worker/tuning/tuning-cache.ts";
import type { Mark, NewMarks, SampleResult, SampleTask } from "./sample-protocol.ts";
import { cutShard } from "./sample-shards.ts";

/**
 * Rows of the first shard, before the model's speed is known. Enough to find a batch size, and few for a slow
 * model.
 */
const FIRST_ROWS = 8_192;
/**
 * Approximate duration of a cut shard. Several shards must end in a sample, to include the cost of their
 * ends.
 */
const SHARD_MS = 1_000;
const TELL_MS = 100;

/**
 * Runs shards through a worker's pipeline, as many at once as a worker would, until the signal aborts. The
 * job stays open, with batches in its lanes. Results so far are returned, and the process is killed.
 */
export async function runSample(
  task: SampleTask,
  { signal: stop, emit }: CallContext<NewMarks>,
): Promise<SampleResult> {
  const busy: SampleResult["busy"][number][] = [];
  let positions: PositionCounts = { run: 0, padded: 0 };
  let deviceReport: DeviceReport | null = null;
  const job = await openJob(task, {
    onBusy: (shares, { run, padded }) => {
      busy.push([Date.now() - task.startedWallMs, shares]);
      positions = { run: positions.run + run, padded: positions.padded + padded };
    },
    onDevice: async (report) => {
      deviceReport = report;
    },
  });
  const run = new SampleRun(task, job);
  const timer = setInterval(() => {
    const report = run.takeMarks();
    if (report.marks.length > 0) emit(report);
  }, TELL_MS);
  try {
    const slots = leaseSlotCount(task.worker.shardThreads);
    await Promise.all(Array.from({ length: slots }, () => run.untilStopped(stop)));
  } finally {
    clearInterval(timer);
  }
  const peakBytes = process.resourceUsage().maxRSS * 1024;
  return { peakBytes, busy, partials: run.partials, positions, deviceReport };
}

/** Shards of one sample and their progress. */
class SampleRun {
  readonly partials: PartialManifest[] = [];
  readonly #task: SampleTask;
  readonly #job: OpenJob;
  readonly #inFlight = new Map<number, number>();
  #marks: Mark[] = [];
  #shardEnds: number[] = [];
  #next = 0;
  #rowsDone = 0;
  #cutRows = FIRST_ROWS;
  #firstRowsMs: number | null = null;

  constructor(task: SampleTask, job: OpenJob) {
    this.#task = task;
    this.#job = job;
  }

  /** Runs one slot: one shard after another. */
  async untilStopped(stop: AbortSignal): Promise<void> {
    while (!stop.aborted) {
      const sequence = this.#next;
      this.#next += 1;
      const lease = leaseOf(this.#task, sequence, this.#cutRows);
      try {
        const executionId = asExecutionId(`sample${randomBytes(4).toString("hex")}`);
        // Each shard has its own signal, because many listeners attach to it.
        const signal = AbortSignal.any([stop]);
        const onProgress = (rows: number) => this.#progress(sequence, rows);
        const partial = await this.#job.run(lease, executionId, { signal, onProgress });
        this.#end(sequence, partial);
      } catch (error) {
        if (stop.aborted) return;
        throw error;
      }
    }
  }

  takeMarks(): NewMarks {
    const report = { marks: this.#marks, shardEnds: this.#shardEnds };
    this.#marks = [];
    this.#shardEnds = [];
    return report;
  }

  #progress(sequence: number, rows: number): void {
    this.#inFlight.set(sequence, rows);
    this.#mark();
  }

  #end(sequence: number, partial: PartialManifest): void {
    this.#inFlight.delete(sequence);
    this.#rowsDone += partial.rowsIn;
    this.partials.push(partial);
    const atMs = this.#mark();
    this.#shardEnds.push(this.#marks.length - 1);
    const sinceMs = atMs - (this.#firstRowsMs ?? atMs);
    if (sinceMs > 0)
      this.#cutRows = Math.max(this.#cutRows, Math.floor((this.#rowsDone / sinceMs) * SHARD_MS));
  }

  #mark(): number {
    const atMs = Date.now() - this.#task.startedWallMs;
    this.#firstRowsMs ??= atMs;
    const inFlight = [...this.#inFlight.values()].reduce((sum, rows) => sum + rows, 0);
    this.#marks.push([atMs, this.#rowsDone + inFlight]);
    return atMs;
  }
}

function leaseOf({ index, shards }: SampleTask, sequence: number, rows: number): Lease {
  const whole = present(shards[sequence % shards.length], "a sample has shards");
  // A shard slightly above the cut stays whole.
  const { shard, slices } = shardRows(whole.shard) <= 2 * rows ? whole : cutShard(whole, rows);
  return {
    jobId: asJobId("sample"),
    token: { generation: index + 1, sequence: sequence + 1 },
    shard,
    slices,
    traceparent: "",
    workers: 1,
    leaseMs: 60_000,
  };
}

async function openJob(
  task: SampleTask,
  { onBusy, onDevice }: Pick<OpenJobOptions, "onBusy" | "onDevice">,
): Promise<OpenJob> {
  // Loads all of a worker's code, although a part suffices, because its loading time is part of the measured
  // start.
  await import("../../worker/process/worker.ts");
  const { openTuningCache } = await import("../../worker/tuning/tuning-cache.ts");
  const { OpenJob } = await import("../../worker/job/open-job.ts");
  const { startShardThread } = await import("../../worker/pipeline/shard-thread-client.ts");
  const { SpareThreads } = await import("../../shared/core/spare-threads.ts");
  const { name: _name, logLevel: _level, giveUpMs: _patience, ...device } = task.worker;
  return OpenJob.open({
    ...device,
    threads: new SpareThreads(startShardThread),
    address: "",
    credential: { path: "", secret: null },
    described: task.job,
    tuning: readOnly(openTuningCache()),
    data: null,
    scratchPath: task.scratchPath,
    log: silentLogger,
    session: sessionCell(workerSession("sample")),
    firstLease: leaseOf(task, 0, FIRST_ROWS),
    onBusy,
    onDevice,
    onBroken: (error) => {
      throw new ShardmillError("INTERNAL", `the sample failed: ${error.message}`, { cause: error });
    },
  });
}

/** Returns a cache that recalls and never stores, because planning writes nothing. */
function readOnly(cache: TuningCache): TuningCache {
  return { recall: (key) => cache.recall(key), remember: async () => {} };
}
