import type { MessagePort } from "node:worker_threads";
import { deferred } from "../../shared/core/abort.ts";
import { errorFromData } from "../../shared/core/errors.ts";
import type { JobDescription, Lease } from "../../shared/domain/job.ts";
import type { PartialManifest } from "../../shared/domain/partial.ts";
import { type LearnedBatch, NOTHING_LEARNED } from "../../worker/batch/batch-sizer.ts";
import type { ShardCommand, ShardEvent } from "../../worker/pipeline/shard-protocol.ts";
import { startShardThread as startThread } from "../../worker/pipeline/shard-thread-client.ts";
import type { DataAccess } from "../../worker/read/data-access.ts";

export interface ShardThreadOptions {
  readonly job: JobDescription;
  readonly lanePorts: readonly MessagePort[];
  readonly scratchPath: string;
  readonly access?: DataAccess;
  /** Left out: this one alone. */
  readonly shardThreads?: number;
  readonly learned?: LearnedBatch;
  /** It loads its write thread before it has a job. Left out: it does not. */
  readonly ahead?: boolean;
}

/** A real shard thread with one job open. `run` rejects with the shard's error. */
export async function startShardThread(options: ShardThreadOptions) {
  const { job, lanePorts, scratchPath, access, shardThreads = 1, learned = NOTHING_LEARNED } = options;
  const thread = startThread({ ahead: options.ahead ?? false });
  const events: ShardEvent[] = [];
  let heard = deferred<void>();
  thread.on("message", (event: ShardEvent) => {
    events.push(event);
    heard.resolve();
    heard = deferred();
  });
  const send = (command: ShardCommand) =>
    thread.postMessage(command, command.kind === "openJob" ? [...command.lanePorts] : []);
  const waitFor = async (isIt: (event: ShardEvent) => boolean): Promise<ShardEvent> => {
    while (true) {
      const found = events.find(isIt);
      if (found !== undefined) return found;
      await heard.promise;
    }
  };
  const run = async (lease: Lease, executionId = "e1"): Promise<PartialManifest> => {
    send({ kind: "runShard", lease, executionId });
    const end = await waitFor(
      (event) =>
        (event.kind === "shardDone" || event.kind === "shardFailed") &&
        event.token.sequence === lease.token.sequence,
    );
    if (end.kind === "shardDone") return end.partial;
    throw end.kind === "shardFailed" ? errorFromData(end.error) : new Error(end.kind);
  };
  const reached = access ?? { kind: "shared" };
  send({
    kind: "openJob",
    job,
    input: [reached],
    output: reached,
    lanePorts,
    shardThreads,
    stepThreads: 1,
    scratchPath,
    learned,
  });
  await waitFor(({ kind }) => kind === "jobOpened");
  const end = async (): Promise<void> => {
    const ended = new Promise((resolve) => thread.once("exit", resolve));
    send({ kind: "end" });
    await ended;
  };
  return { events, send, waitFor, run, [Symbol.asyncDispose]: end };
}
