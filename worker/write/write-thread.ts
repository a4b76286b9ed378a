import { parentPort } from "node:worker_threads";
import { assertNever, present } from "../../shared/core/assert.ts";
import { systemClock } from "../../shared/core/clock.ts";
import { errorToData, ShardmillError } from "../../shared/core/errors.ts";
import { freeBuffers } from "../../shared/core/free-buffers.ts";
import { Lock } from "../../shared/core/lock.ts";
import { buffersOfTables } from "../../shared/dataset/packed-table.ts";
import type { Location } from "../../shared/domain/location.ts";
import { partialFolder } from "../../shared/domain/partial.ts";
import { BusyMeter } from "../meter/busy-meter.ts";
import { locate, openStorages } from "../read/ways.ts";
import { CodeCombiner } from "./code-combiner.ts";
import { openSink, type PartialSink } from "./partial-sink.ts";
import { writePartial } from "./write-partial.ts";
import { unpackResult, type WriteCommand, type WriteEvent, type WriteThreadJob } from "./write-protocol.ts";

/**
 * The thread that a shard thread leaves its finished shards to: encodes, hashes, stores, and runs the combine
 * SQL, one shard after the other, while the shard thread goes on with the next. Started by
 * `WriteThreadClient`.
 */

type Write = Extract<WriteCommand, { kind: "write" }>;

/** How often the time spent is reported: as often as the shard thread reports its own. */
const BUSY_MS = 1_000;

const port = present(parentPort, "a write thread has a parent");
const meter = new BusyMeter(systemClock.nowMs);
/** Null before the first command. */
let opened: Opened | null = null;
const turns = new Lock();
const writing = new Map<number, { readonly stop: AbortController; readonly ended: Promise<void> }>();

port.on("message", (command: WriteCommand) => {
  switch (command.kind) {
    case "openJob":
      opened = open(command);
      return;
    case "write": {
      const stop = new AbortController();
      writing.set(command.id, { stop, ended: write(command, stop.signal) });
      return;
    }
    case "abandon":
      writing.get(command.id)?.stop.abort(abandoned());
      return;
    case "end":
      void end();
      return;
    default:
      assertNever(command);
  }
});
// What keeps the thread alive is its port.
setInterval(tellBusy, BUSY_MS).unref();

interface Opened {
  readonly job: WriteThreadJob["job"];
  readonly storages: ReturnType<typeof openStorages>;
  readonly partials: Location;
  readonly combiner: CodeCombiner;
}

function open({ job, output }: WriteThreadJob): Opened {
  return {
    job,
    storages: openStorages([output], job),
    partials: locate(job.partialsPath, output.kind),
    combiner: new CodeCombiner(job.reductions),
  };
}

function atWork(): Opened {
  return present(opened, "a write comes after its job");
}

async function write(command: Write, signal: AbortSignal): Promise<void> {
  const event = await writeToEvent(command, signal);
  writing.delete(command.id);
  tellBusy();
  port.postMessage(event);
}

async function writeToEvent(command: Write, signal: AbortSignal): Promise<WriteEvent> {
  const { id, lease, executionId, result, scratchPath } = command;
  try {
    const leave = await turns.enter(signal);
    try {
      const { job, combiner } = atWork();
      const sink = await sinkOf(command);
      const options = { job, lease, executionId, sink, scratchPath, combiner, meter, signal };
      return { kind: "written", id, partial: await writePartial(unpackResult(result), options) };
    } finally {
      leave();
    }
  } catch (error) {
    return { kind: "failed", id, error: errorToData(error) };
  } finally {
    freeBuffers(buffersOfTables(result.rows, result.dead));
  }
}

/** Not before DuckDB has let go: see `untilEnded`. */
async function end(): Promise<void> {
  const left = [...writing.values()];
  for (const { stop } of left) stop.abort(abandoned());
  await Promise.all(left.map(({ ended }) => ended));
  await opened?.combiner[Symbol.asyncDispose]();
  await opened?.storages[Symbol.asyncDispose]();
  // With its port closed nothing keeps the thread alive, and it ends by itself.
  port.close();
}

function abandoned(): ShardmillError {
  return new ShardmillError("INTERRUPTED", "the shard is abandoned");
}

async function sinkOf({ lease, executionId, scratchPath }: Write): Promise<PartialSink> {
  const { storages, partials } = atWork();
  const folder = partialFolder({ shard: lease.shard.id, token: lease.token, executionId });
  return await openSink({ storage: await storages.at(partials), partials, folder, scratchPath });
}

function tellBusy(): void {
  const busyMs = meter.takeBusyMs();
  if (Object.keys(busyMs).length > 0) port.postMessage({ kind: "busy", busyMs } satisfies WriteEvent);
}
