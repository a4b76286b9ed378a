import type { Worker } from "node:worker_threads";
import { present } from "../../shared/core/assert.ts";
import { systemClock } from "../../shared/core/clock.ts";
import type { CallContext } from "../../shared/core/remote/peer.ts";
import { serveOwner } from "../../shared/core/remote/serve-owner.ts";
import { limitDecoderMemory } from "../../shared/dataset/parquet-memory.ts";
import type { PartialManifest } from "../../shared/domain/partial.ts";
import { connectLanes } from "../lanes/lane-pool.ts";
import { BusyMeter, threadIdleMs } from "../meter/busy-meter.ts";
import { openWays } from "../read/ways.ts";
import { startWriteThread } from "../write/write-thread-client.ts";
import { ShardContext } from "./shard-context.ts";
import type {
  LeasedShard,
  ShardEvent,
  ShardThreadJob,
  ShardThreadMethods,
  ShardThreadOwner,
} from "./shard-protocol.ts";

/** Interval of busy reports. */
const BUSY_MS = 1_000;

/** Job of this thread. */
interface Opened {
  readonly context: ShardContext;
  readonly reports: BusyReports;
}

/** Null between two jobs. */
let opened: Opened | null = null;
/** Write thread of the earlier job, for the next one. The first starts to load before there is a job. */
let writeThread: Worker | undefined = startWriteThread();

const owner = serveOwner<ShardThreadMethods, ShardThreadOwner>({ openJob, runShard, closeJob }, async () => {
  await opened?.context[Symbol.asyncDispose]();
});

async function openJob({ input, lanePorts, stages, ...options }: ShardThreadJob): Promise<void> {
  limitDecoderMemory();
  const meter = new BusyMeter(systemClock.nowMs, threadIdleMs);
  const context = new ShardContext({
    ...options,
    input: openWays(input, options.job),
    lanes: lanePorts === null ? null : connectLanes(lanePorts, () => owner.notify("lanesBusy", null)),
    stages: stages.map((stage) => ({ lanes: connectLanes(stage.lanePorts), learned: stage.learned })),
    writeThread,
    meter,
    nowMs: systemClock.nowMs,
    onFar: (path) => owner.notify("farFile", path),
    onLearned: (learned, stage) => owner.notify("learned", { learned, stage }),
  });
  writeThread = undefined;
  opened = { context, reports: new BusyReports(context, meter) };
}

async function closeJob(): Promise<void> {
  const closing = opened;
  opened = null;
  closing?.reports.stop();
  writeThread = await closing?.context.leave();
}

async function runShard(
  { lease, executionId }: LeasedShard,
  { signal, emit }: CallContext<ShardEvent>,
): Promise<PartialManifest> {
  const { context, reports } = present(opened, "a shard comes after its job");
  reports.start();
  const partial = await context.run(lease, executionId, { signal, emit });
  reports.reportFirst();
  return partial;
}

/**
 * Reports each second from the first shard on. Also reports when the first shard ends, for a run shorter than
 * a second.
 */
class BusyReports {
  readonly #context: ShardContext;
  readonly #meter: BusyMeter;
  #timer: NodeJS.Timeout | undefined;
  #sinceMs = 0;
  #hasReported = false;

  constructor(context: ShardContext, meter: BusyMeter) {
    this.#context = context;
    this.#meter = meter;
  }

  start(): void {
    if (this.#timer !== undefined) return;
    this.#sinceMs = systemClock.nowMs();
    // The port keeps the thread running, not this timer.
    this.#timer = setInterval(() => this.#report(), BUSY_MS).unref();
  }

  stop(): void {
    clearInterval(this.#timer);
  }

  reportFirst(): void {
    if (!this.#hasReported) this.#report();
  }

  #report(): void {
    this.#hasReported = true;
    const overMs = systemClock.nowMs() - this.#sinceMs;
    this.#sinceMs += overMs;
    const { threads, batch } = this.#context;
    const shares = this.#meter.takeShares(overMs, threads);
    owner.notify("busy", { shares, positions: this.#meter.takePositions(), batch, overMs });
  }
}
