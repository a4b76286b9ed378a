import { setFlagsFromString } from "node:v8";
// Its threads get what it knows of stores from it.
import "../../shared/storage/taken-before.ts";
import type { WorkService } from "../../shared/wire/services.ts";
import { startShardThread } from "../pipeline/shard-thread-client.ts";
import type { Work } from "./serve-supervisor.ts";
import { runWorker, type WorkerSeams } from "./worker.ts";
import type { WorkerNews } from "./worker-protocol.ts";

/** Starts what takes about as long to load as a job takes to plan. @returns what runs the worker */
export function startWorker(seams: WorkerSeams = {}): Work {
  letHeapsGrow();
  const shardThread = startShardThread();
  return ({ options, tellsBeats }, { drain, emit, takeTurn }) =>
    runWorker(
      options,
      { drain, stop: new AbortController() },
      {
        ...seams,
        ...(tellsBeats ? { work: (work) => telling(seams.work?.(work) ?? work, emit) } : {}),
        shardThread,
        onJoined: () => emit({ kind: "joined" }),
        takeTurn,
      },
    );
}

/**
 * Lets the heaps of a worker grow to four times what lives in them before they are marked: V8's own upper
 * bound, where it would take less of a thread that waits a lot. What lives in a shard or write thread is 10
 * MiB of code, and the buffers that go through it count as growth: they come and go by more than such a small
 * heap's allowance (16 to 24 MiB), so that V8 marked it anew for every shard or two. With this it does so
 * four times more rarely. For the whole process.
 */
function letHeapsGrow(): void {
  setFlagsFromString("--heap-growing-percent=300");
}

/** Sends each heartbeat to the supervisor, too. */
function telling(work: WorkService, emit: (news: WorkerNews) => void): WorkService {
  return {
    ...work,
    heartbeat(beat, signal) {
      const { leases, busy, padding, batch = null, stores } = beat;
      emit({ kind: "beat", beat: { leases: leases.length, busy, padding, batch, stores } });
      return work.heartbeat(beat, signal);
    },
  };
}
