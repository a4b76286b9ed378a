import { workerData } from "node:worker_threads";
import { present } from "../../shared/core/assert.ts";
import { systemClock } from "../../shared/core/clock.ts";
import type { CallContext } from "../../shared/core/remote/peer.ts";
import { serveOwner } from "../../shared/core/remote/serve-owner.ts";
import type { PartialManifest } from "../../shared/domain/partial.ts";
import { connectLanes } from "../lanes/lane-pool.ts";
import { BusyMeter, threadIdleMs } from "../meter/busy-meter.ts";
import { openWays } from "../read/ways.ts";
import { startWriteThread } from "../write/write-thread-client.ts";
import { ShardContext } from "./shard-context.ts";
import {
  isAhead,
  type LeasedShard,
  type ShardEvent,
  type ShardThreadJob,
  type ShardThreadMethods,
  type ShardThreadOwner,
} from "./shard-protocol.ts";

/** Interval of busy reports. */
const BUSY_MS = 1_000;

const meter = new BusyMeter(systemClock.nowMs, threadIdleMs);
/** Write thread that loads in advance, while this thread waits for its job. */
const writeThread = isAhead(workerData) ? startWriteThread() : undefined;
/** Job of this thread. Null before it is opened. */
let opened: ShardContext | null = null;
let reports: BusyReports | null = null;

const owner = serveOwner<ShardThreadMethods, ShardThreadOwner>({ openJob, runShard }, async () => {
  await opened?.[Symbol.asyncDispose]();
});

async function openJob({ input, lanePorts, ...options }: ShardThreadJob): Promise<void> {
  opened = new ShardContext({
    ...options,
    input: openWays(input, options.job),
    lanes: connectLanes(lanePorts, () => owner.notify("lanesBusy", null)),
    writeThread,
    meter,
    nowMs: systemClock.nowMs,
    onFar: (path) => owner.notify("farFile", path),
    onLearned: (learned) => owner.notify("learned", learned),
  });
}

async function runShard(
  { lease, executionId }: LeasedShard,
  { signal, emit }: CallContext<ShardEvent>,
): Promise<PartialManifest> {
  const context = present(opened, "a shard comes after its job");
  reports ??= new BusyReports();
  const partial = await context.run(lease, executionId, { signal, emit });
  reports.reportFirst();
  return partial;
}

/**
 * Reports each second from the first shard on. Also reports when the first shard ends, for a run shorter than
 * a second.
 */
class BusyReports {
  #sinceMs = systemClock.nowMs();
  #hasReported = false;

  constructor() {
    // The port keeps the thread running, not this timer.
    setInterval(() => this.#report(), BUSY_MS).unref();
  }

  reportFirst(): void {
    if (!this.#hasReported) this.#report();
  }

  #report(): void {
    this.#hasReported = true;
    const overMs = systemClock.nowMs() - this.#sinceMs;
    this.#sinceMs += overMs;
    const shares = meter.takeShares(overMs, opened?.threads ?? {});
    owner.notify("busy", { shares, positions: meter.takePositions(), batch: opened?.batch ?? null, overMs });
  }
}
