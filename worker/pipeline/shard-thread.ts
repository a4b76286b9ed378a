import { parentPort, workerData } from "node:worker_threads";
import { assertNever, present } from "../../shared/core/assert.ts";
import { systemClock } from "../../shared/core/clock.ts";
import { errorToData } from "../../shared/core/errors.ts";
import { connectLanes } from "../lanes/lane-pool.ts";
import { BusyMeter, threadIdleMs } from "../meter/busy-meter.ts";
import { openWays } from "../read/ways.ts";
import { startWriteThread } from "../write/write-thread-client.ts";
import { ShardContext } from "./shard-context.ts";
import { isAhead, type ShardCommand, type ShardEvent } from "./shard-protocol.ts";

/** How often the busy shares of the stages are reported. */
const BUSY_MS = 1_000;

const port = present(parentPort, "a shard thread has a parent");
const meter = new BusyMeter(systemClock.nowMs, threadIdleMs);
/** Of a thread that waits for its job, what it will leave its shards to is loaded beside it. */
const writeThread = isAhead(workerData) ? startWriteThread() : undefined;
/** The job of this thread, once it has one. */
let opening: Promise<ShardContext> | null = null;
let opened: ShardContext | null = null;
let reports: BusyReports | null = null;

const emit = (event: ShardEvent): void => port.postMessage(event);

port.on("message", (command: ShardCommand) => {
  obey(command).catch((error: unknown) => emit({ kind: "broken", error: errorToData(error) }));
});

async function obey(command: ShardCommand): Promise<void> {
  switch (command.kind) {
    case "openJob":
      opening = openJob(command);
      opened = await opening;
      return emit({ kind: "jobOpened", jobId: command.job.jobId });
    case "runShard":
      reports ??= new BusyReports();
      return (await contextAtWork()).start(command.lease, command.executionId);
    case "abandonShard":
      return (await contextAtWork()).abandon(command.token);
    case "end":
      await (await opening?.catch(() => null))?.[Symbol.asyncDispose]();
      // With its port closed nothing keeps the thread alive, and it ends by itself.
      return port.close();
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
  stepThreads,
  scratchPath,
  learned,
}: Extract<ShardCommand, { kind: "openJob" }>): Promise<ShardContext> {
  return new ShardContext({
    job,
    input: openWays(input, job),
    output,
    lanes: connectLanes(lanePorts, () => emit({ kind: "lanesBusy" })),
    shardThreads,
    stepThreads,
    scratchPath,
    learned,
    writeThread,
    meter,
    nowMs: systemClock.nowMs,
    emit: (event) => {
      if (event.kind === "shardDone") reports?.tellFirst();
      emit(event);
    },
  });
}

function contextAtWork(): Promise<ShardContext> {
  return present(opening, "a shard comes after its job");
}

/**
 * From the first shard on, each second; and when that shard is done, for a run that does not take a second.
 */
class BusyReports {
  #sinceMs = systemClock.nowMs();
  #hasReported = false;

  constructor() {
    // What keeps the thread alive is its port.
    setInterval(() => this.#tell(), BUSY_MS).unref();
  }

  tellFirst(): void {
    if (!this.#hasReported) this.#tell();
  }

  #tell(): void {
    this.#hasReported = true;
    const overMs = systemClock.nowMs() - this.#sinceMs;
    this.#sinceMs += overMs;
    const shares = meter.takeShares(overMs, opened?.threads ?? {});
    emit({ kind: "busy", shares, positions: meter.takePositions(), batch: opened?.batch ?? null, overMs });
  }
}
