import { present } from "../../shared/core/assert.ts";
import { systemClock } from "../../shared/core/clock.ts";
import { freeBuffers } from "../../shared/core/free-buffers.ts";
import { Lock } from "../../shared/core/lock.ts";
import type { CallContext } from "../../shared/core/remote/peer.ts";
import { serveOwner } from "../../shared/core/remote/serve-owner.ts";
import { buffersOfTables } from "../../shared/dataset/packed-table.ts";
import type { Location } from "../../shared/domain/location.ts";
import { type PartialManifest, partialFolder } from "../../shared/domain/partial.ts";
import { TextWriter } from "../../shared/sql/text-writer.ts";
import { BusyMeter } from "../meter/busy-meter.ts";
import { locate, openStorages } from "../read/ways.ts";
import { Combiners } from "./combiners.ts";
import { openSink, type PartialSink } from "./partial-sink.ts";
import { writePartial } from "./write-partial.ts";
import {
  unpackResult,
  type WriteShard,
  type WriteThreadJob,
  type WriteThreadMethods,
  type WriteThreadOwner,
} from "./write-protocol.ts";

/**
 * Script of a thread that writes finished shards: encodes, hashes, stores, and runs the combine SQL. The
 * thread writes one shard after another, while the shard thread maps the next. `WriteThreadClient` starts it.
 */

/** Interval of busy reports, as in the shard thread. */
const BUSY_MS = 1_000;

const meter = new BusyMeter(systemClock.nowMs);
/** Job of this thread. Null before it is opened. */
let opened: Opened | null = null;
const turns = new Lock();

const owner = serveOwner<WriteThreadMethods, WriteThreadOwner>(
  {
    openJob(job) {
      opened = open(job);
    },
    write,
    closeJob,
  },
  closeJob,
);
// The port keeps the thread running, not this timer.
setInterval(reportBusy, BUSY_MS).unref();

interface Opened {
  readonly job: WriteThreadJob["job"];
  readonly storages: ReturnType<typeof openStorages>;
  readonly partials: Location;
  readonly combiners: Combiners;
  readonly textWriter: TextWriter;
}

function open({ job, output, scratchPath }: WriteThreadJob): Opened {
  return {
    job,
    storages: openStorages([output], job),
    partials: locate(job.partialsPath, output.kind),
    combiners: new Combiners(job, scratchPath),
    textWriter: new TextWriter(job.rowsFormat, scratchPath),
  };
}

async function closeJob(): Promise<void> {
  const closing = opened;
  opened = null;
  await closing?.combiners[Symbol.asyncDispose]();
  await closing?.textWriter[Symbol.asyncDispose]();
  await closing?.storages[Symbol.asyncDispose]();
}

function atWork(): Opened {
  return present(opened, "a write comes after its job");
}

async function write(shard: WriteShard, { signal }: CallContext): Promise<PartialManifest> {
  const { lease, executionId, result, scratchPath } = shard;
  try {
    const leave = await turns.enter(signal);
    try {
      const { job, combiners, textWriter } = atWork();
      const sink = await sinkOf(shard);
      const options = { job, lease, executionId, sink, scratchPath, combiners, textWriter, meter, signal };
      return await writePartial(unpackResult(result), options);
    } finally {
      leave();
    }
  } finally {
    freeBuffers(buffersOfTables(result.rows, result.deadLetters));
    reportBusy();
  }
}

async function sinkOf({ lease, executionId, scratchPath }: WriteShard): Promise<PartialSink> {
  const { storages, partials } = atWork();
  const folder = partialFolder({ shard: lease.shard.id, token: lease.token, executionId });
  return await openSink({ storage: await storages.at(partials), partials, folder, scratchPath });
}

function reportBusy(): void {
  const busyMs = meter.takeBusyMs();
  if (Object.keys(busyMs).length > 0) owner.notify("busy", busyMs);
}
