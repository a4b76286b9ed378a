import type { MessagePort } from "node:worker_threads";
import { deferred, NEVER } from "../../shared/core/abort.ts";
import { Remote } from "../../shared/core/remote/remote.ts";
import { ThreadLink } from "../../shared/core/remote/thread-link.ts";
import { asExecutionId } from "../../shared/domain/execution-id.ts";
import type { Lease } from "../../shared/domain/job.ts";
import type { PartialManifest } from "../../shared/domain/partial.ts";
import { type Token, tokenKey } from "../../shared/domain/token.ts";
import type { JobDescription } from "../../shared/wire/job-description.ts";
import { type LearnedBatch, NOTHING_LEARNED } from "../../worker/batch/batch-sizer.ts";
import type {
  ShardEvent,
  ShardThreadMethods,
  ShardThreadOwner,
} from "../../worker/pipeline/shard-protocol.ts";
import { startShardThread as startThread } from "../../worker/pipeline/shard-thread-client.ts";
import type { DataAccess } from "../../worker/read/data-access.ts";

export interface ShardThreadOptions {
  readonly job: JobDescription;
  readonly lanePorts: readonly MessagePort[];
  readonly scratchPath: string;
  readonly access?: DataAccess;
  /** Number of shard threads. Default: 1. */
  readonly shardThreads?: number;
  readonly learned?: LearnedBatch;
}

/** Events of a shard, its end, and the thread's calls of its owner. */
export type SeenEvent =
  | ((ShardEvent | { readonly kind: "shardDone" | "shardFailed" | "abandoned" }) & { readonly token: Token })
  | { readonly kind: keyof ShardThreadOwner };

/** Starts a real shard thread with one open job. `run` rejects with the shard's error. */
export async function startShardThread(options: ShardThreadOptions) {
  const { job, lanePorts, scratchPath, access, shardThreads = 1, learned = NOTHING_LEARNED } = options;
  const events: SeenEvent[] = [];
  let heard = deferred<void>();
  const see = (event: SeenEvent): void => {
    events.push(event);
    heard.resolve();
    heard = deferred();
  };
  const serves: ShardThreadOwner = {
    lanesBusy: () => see({ kind: "lanesBusy" }),
    farFile: () => see({ kind: "farFile" }),
    busy: () => see({ kind: "busy" }),
    learned: () => see({ kind: "learned" }),
  };
  const link = new ThreadLink(startThread());
  const remote = new Remote<ShardThreadMethods>(link, { serves });
  const waitFor = async (isIt: (event: SeenEvent) => boolean): Promise<SeenEvent> => {
    while (true) {
      const found = events.find(isIt);
      if (found !== undefined) return found;
      await heard.promise;
    }
  };
  const stops = new Map<string, AbortController>();
  const run = async (lease: Lease, executionId = asExecutionId("e1")): Promise<PartialManifest> => {
    const { token } = lease;
    const stop = new AbortController();
    stops.set(tokenKey(token), stop);
    const onEvent = (event: ShardEvent) => see({ ...event, token });
    const calls = { onEvent, onAbort: "wait" } as const;
    try {
      const partial = await remote.call(
        "runShard",
        { lease, executionId },
        { ...calls, signal: stop.signal },
      );
      see({ kind: "shardDone", token });
      return partial;
    } catch (error) {
      see({ kind: stop.signal.aborted ? "abandoned" : "shardFailed", token });
      throw error;
    }
  };
  /** Starts a shard whose end is observed by its event. */
  const begin = (lease: Lease): void => void run(lease).catch(() => {});
  const abandon = ({ token }: Lease): void => stops.get(tokenKey(token))?.abort(new Error("abandoned"));
  const reached = access ?? { kind: "shared" };
  const open = {
    job,
    input: [reached],
    output: reached,
    shardThreads,
    scratchPath,
    learned,
    stages: [],
    cores: 2,
  } as const;
  const openJob = (ports: readonly MessagePort[]) =>
    remote.call("openJob", { ...open, lanePorts: ports }, { transfer: ports, signal: NEVER });
  await openJob(lanePorts);
  /** Closes the job, and opens it again with other lanes. */
  const reopen = async (ports: readonly MessagePort[]): Promise<void> => {
    await remote.call("closeJob", null, { signal: NEVER });
    await openJob(ports);
  };
  const end = async (): Promise<void> => {
    await remote.close(Number.POSITIVE_INFINITY);
  };
  return { events, begin, abandon, waitFor, run, reopen, [Symbol.asyncDispose]: end };
}
