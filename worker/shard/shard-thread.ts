import { parentPort } from "node:worker_threads";
import { assertNever, present } from "../../shared/core/assert.ts";
import { systemClock } from "../../shared/core/clock.ts";
import { errorToData, ShardmillError } from "../../shared/core/errors.ts";
import { connectLanes } from "../infer/lane-pool.ts";
import { BusyMeter, threadIdleMs } from "./busy-meter.ts";
import { openDataStore } from "./data-stores.ts";
import type { ShardCommand, ShardEvent } from "./shard-protocol.ts";
import { ShardRoom } from "./shard-room.ts";

/** How often the busy shares of the stages are told. */
const BUSY_MS = 1_000;

const port = present(parentPort, "a shard thread has a parent");
const meter = new BusyMeter(systemClock.nowMs, threadIdleMs);
const rooms = new Map<string, ShardRoom>();

const emit = (event: ShardEvent): void => port.postMessage(event);

port.on("message", (command: ShardCommand) => {
  obey(command).catch((error: unknown) => emit({ kind: "broken", error: errorToData(error) }));
});
startBusyReports();

async function obey(command: ShardCommand): Promise<void> {
  switch (command.kind) {
    case "openJob":
      return openJob(command);
    case "closeJob": {
      const room = rooms.get(command.jobId);
      rooms.delete(command.jobId);
      await room?.[Symbol.asyncDispose]();
      return;
    }
    case "runShard": {
      const { lease, executionId } = command;
      const room = rooms.get(lease.jobId);
      if (room !== undefined) return room.start(lease, executionId);
      const error = new ShardmillError("JOB_NOT_FOUND", `job ${lease.jobId} is not open in this thread`);
      return emit({ kind: "shardFailed", token: lease.token, error: errorToData(error) });
    }
    case "abandonShard":
      for (const room of rooms.values()) room.abandon(command.token);
      return;
    default:
      return assertNever(command);
  }
}

async function openJob({
  job,
  input,
  output,
  lanePorts,
  shardThreads,
  scratchPath,
  learned,
}: Extract<ShardCommand, { kind: "openJob" }>): Promise<void> {
  const room = new ShardRoom({
    job,
    input: await openDataStore(input, job.jobId),
    output,
    lanes: connectLanes(lanePorts, () => emit({ kind: "lanesBusy" })),
    shardThreads,
    scratchPath,
    learned,
    meter,
    nowMs: systemClock.nowMs,
    emit,
  });
  rooms.set(job.jobId, room);
  emit({ kind: "jobOpened", jobId: job.jobId });
}

function startBusyReports(): void {
  let sinceMs = systemClock.nowMs();
  const timer = setInterval(() => {
    const overMs = systemClock.nowMs() - sinceMs;
    sinceMs += overMs;
    const lanes = Math.max(1, ...[...rooms.values()].map((room) => room.lanes));
    emit({ kind: "busy", shares: meter.takeShares(overMs, lanes), steps: meter.takeSteps(), overMs });
  }, BUSY_MS);
  // What keeps the thread alive is its port.
  timer.unref();
}
