import { present } from "../../shared/core/assert.ts";
import { systemClock } from "../../shared/core/clock.ts";
import { freeBuffers } from "../../shared/core/free-buffers.ts";
import { Lock } from "../../shared/core/lock.ts";
import type { CallContext } from "../../shared/core/remote/peer.ts";
import { serveOwner } from "../../shared/core/remote/serve-owner.ts";
import { buffersOfTables } from "../../shared/dataset/packed-table.ts";
import type { Location } from "../../shared/domain/location.ts";
import { type PartialManifest, partialFolder } from "../../shared/domain/partial.ts";
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
 * The thread that a shard thread leaves its finished shards to: encodes, hashes, stores, and runs the combine
 * SQL, one shard after the other, while the shard thread goes on with the next. Started by
 * `WriteThreadClient`.
 */

/** How often the time spent is reported: as often as the shard thread reports its own. */
const BUSY_MS = 1_000;

const meter = new BusyMeter(systemClock.nowMs);
/** Null before the first command. */
let opened: Opened | null = null;
const turns = new Lock();

const owner = serveOwner<WriteThreadMethods, WriteThreadOwner>(
  {
    openJob(job) {
      opened = open(job);
    },
    write,
  },
  async () => {
    await opened?.combiners[Symbol.asyncDispose]();
    await opened?.storages[Symbol.asyncDispose]();
  },
);
// What keeps the thread alive is its port.
setInterval(tellBusy, BUSY_MS).unref();

interface Opened {
  readonly job: WriteThreadJob["job"];
  readonly storages: ReturnType<typeof openStorages>;
  readonly partials: Location;
  readonly combiners: Combiners;
}

function open({ job, output }: WriteThreadJob): Opened {
  return {
    job,
    storages: openStorages([output], job),
    partials: locate(job.partialsPath, output.kind),
    combiners: new Combiners(job),
  };
}

function atWork(): Opened {
  return present(opened, "a write comes after its job");
}

async function write(shard: WriteShard, { signal }: CallContext): Promise<PartialManifest> {
  const { lease, executionId, result, scratchPath } = shard;
  try {
    const leave = await turns.enter(signal);
    try {
      const { job, combiners } = atWork();
      const sink = await sinkOf(shard);
      const options = { job, lease, executionId, sink, scratchPath, combiners, meter, signal };
      return await writePartial(unpackResult(result), options);
    } finally {
      leave();
    }
  } finally {
    freeBuffers(buffersOfTables(result.rows, result.dead));
    tellBusy();
  }
}

async function sinkOf({ lease, executionId, scratchPath }: WriteShard): Promise<PartialSink> {
  const { storages, partials } = atWork();
  const folder = partialFolder({ shard: lease.shard.id, token: lease.token, executionId });
  return await openSink({ storage: await storages.at(partials), partials, folder, scratchPath });
}

function tellBusy(): void {
  const busyMs = meter.takeBusyMs();
  if (Object.keys(busyMs).length > 0) owner.tell("busy", busyMs);
}
