import { setFlagsFromString } from "node:v8";
// Before any thread starts: threads inherit the stores whose credentials were used before.
import "../../shared/storage/taken-before.ts";
import type { WorkService } from "../../shared/wire/services.ts";
import { startShardThread } from "../pipeline/shard-thread-client.ts";
import type { Work } from "./serve-supervisor.ts";
import { runWorker, type WorkerSeams } from "./worker.ts";
import type { WorkerNews } from "./worker-protocol.ts";

/**
 * Time of a short job, which needs no flag of V8. Node's own modules load slower after a change of the flags,
 * as `limitDecoderMemory` says.
 */
const SHORT_JOB_MS = 5_000;

/**
 * Starts to load modules, which takes about as long as planning a job.
 *
 * @returns a function that runs the worker
 */
export function startWorker(seams: WorkerSeams = {}): Work {
  setTimeout(letHeapsGrow, SHORT_JOB_MS).unref();
  const shardThread = startShardThread();
  return ({ options, reportsBeats }, { drain, emit, takeTurn }) =>
    runWorker(
      options,
      { drain, stop: new AbortController() },
      {
        ...seams,
        ...(reportsBeats ? { work: (work) => observed(seams.work?.(work) ?? work, emit) } : {}),
        shardThread,
        onJoined: () => emit({ kind: "joined" }),
        takeTurn,
      },
    );
}

/**
 * Lets the process's heaps grow to four times their live size before they are marked. This is V8's own upper
 * limit, but V8 uses less for threads that often wait. A shard or write thread has 10 MiB of live code.
 * Buffers that pass through it count as growth. They exceed the allowance of such a small heap (16 to 24
 * MiB). So V8 marked the heap for every shard or two. With this setting, it does so four times less often.
 */
function letHeapsGrow(): void {
  setFlagsFromString("--heap-growing-percent=300");
}

/** Sends each heartbeat to the supervisor, too. */
function observed(work: WorkService, emit: (news: WorkerNews) => void): WorkService {
  return {
    ...work,
    heartbeat(beat, signal) {
      const { leases, busy, padding, batch = null, stores } = beat;
      emit({ kind: "beat", beat: { leases: leases.length, busy, padding, batch, stores } });
      return work.heartbeat(beat, signal);
    },
  };
}
