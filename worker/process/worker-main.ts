import { setFlagsFromString } from "node:v8";
import { deferred } from "../../shared/core/abort.ts";
import { exitProcess, killProcess, tellParent } from "../../shared/core/end-thread.ts";
import { errorToData, ShardmillError } from "../../shared/core/errors.ts";
// Its threads get what it knows of stores from it.
import "../../shared/storage/taken-before.ts";
import type { WorkService } from "../../shared/wire/services.ts";
import { startShardThread } from "../pipeline/shard-thread-client.ts";
import type { FromWorkerProcess, ToWorkerProcess } from "./supervisor.ts";
import { TurnTaker } from "./turns.ts";
import { runWorker, type WorkerSeams } from "./worker.ts";

/**
 * What a worker's child process does, once it is told to begin. It answers to its supervisor alone: told to
 * drain over IPC, it finishes or hands back its shards; when the supervisor is gone, so is it. Ctrl-C reaches
 * the whole process group and is the supervisor's.
 */
export async function workerMain(seams: WorkerSeams = {}): Promise<void> {
  letHeapsGrow();
  const drain = new AbortController();
  const stop = new AbortController();
  process.on("SIGINT", () => {});
  const drainFor = (aside?: string) =>
    drain.abort(
      aside === undefined
        ? new ShardmillError("INTERRUPTED", "the worker is told to drain")
        : new ShardmillError("DEVICE_UNAVAILABLE", aside),
    );
  process.on("SIGTERM", () => drainFor());
  process.on("disconnect", killProcess);
  const turns = new TurnTaker(
    (request) => void process.send?.(request satisfies FromWorkerProcess, () => {}),
  );
  const begun = deferred<Extract<ToWorkerProcess, { kind: "begin" }>>();
  process.on("message", (message: ToWorkerProcess) => {
    if (message.kind === "begin") begun.resolve(message);
    else if (message.kind === "turn") turns.granted(message);
    else drainFor(message.aside);
  });
  // It went before anybody listened.
  if (!process.connected) process.exit(1);
  // It takes about as long to load as what is planned beside it.
  const shardThread = startShardThread();
  try {
    const signals = { drain, stop };
    const onJoined = () => void tellParent({ kind: "joined" } satisfies FromWorkerProcess);
    const { options, tellsBeats } = await begun.promise;
    const how = await runWorker(options, signals, {
      ...seams,
      ...(tellsBeats ? { work: (work) => telling(seams.work?.(work) ?? work) } : {}),
      shardThread,
      onJoined,
      takeTurn: turns.take,
    });
    await tellParent({ kind: "ended", how } satisfies FromWorkerProcess);
    exitProcess(0);
  } catch (error) {
    await tellParent({ kind: "failed", error: errorToData(error) } satisfies FromWorkerProcess);
    exitProcess(1);
  }
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

/** What the coordinator is told, the supervisor is, too. */
function telling(work: WorkService): WorkService {
  return {
    ...work,
    heartbeat(beat, signal) {
      const { leases, busy, padding, batch = null, stores } = beat;
      const told = { leases: leases.length, busy, padding, batch, stores };
      void tellParent({ kind: "beat", beat: told } satisfies FromWorkerProcess);
      return work.heartbeat(beat, signal);
    },
  };
}
