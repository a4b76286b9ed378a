import type { Bottleneck } from "../../shared/domain/bottleneck.ts";
import type { Stage, StageShares } from "../../shared/domain/worker.ts";

/** What a worker does at a moment, as its coordinator sees it. */
export type WorkerDoing =
  /** It has joined, and handed in no rows yet: its model loads. */
  | "starting"
  /** It holds a lease. */
  | "working"
  /** It holds none though shards are pending, or all are handed in and being verified. */
  | "awaitingCoordinator"
  /** It holds none: every shard is done or in other hands. */
  | "awaitingShards";

/**
 * Where the time of a run went. Times in worker-milliseconds, but for `mapMs` and `reduceMs`, which are the
 * clock's.
 */
export interface RunUsage {
  readonly mapMs: number;
  /** Reductions and publishing. */
  readonly reduceMs: number;
  /** While no worker was there; counted as one worker's. */
  readonly absentMs: number;
  readonly doingMs: Readonly<Record<WorkerDoing, number>>;
  /** Mean busy shares over all workers that have started, waiting ones among them. */
  readonly stages: StageShares;
  /** How busy the coordinator's thread is, 0 to 1. */
  readonly loopShare: number | null;
  readonly shards: number;
  /** Leases that all workers hold at once, at the most there were. */
  readonly slots: number;
}

/**
 * Lanes this busy are never waiting for long: a batch is handed over in a few percent of the time that it
 * runs.
 */
const LANES_FULL = 0.85;
/**
 * A thread with several stages waits for the lanes and for the disk, too: it limits before it is busy all the
 * time.
 */
const THREAD_FULL = 0.7;
/** A thread that is less busy than this limits nothing by itself. */
const THREAD_BUSY = 0.3;
const LOOP_FULL = 0.9;
/** A part of the time that outweighs everything else together. */
const MOST = 0.5;
/** A loss that is worth more than what any stage could still gain. */
const MUCH = 0.25;

/** The stages that one kind of thread does, in turn: together they are busy for at most 1. */
const THREADS: readonly (readonly Stage[])[] = [
  ["read", "decode", "tensorize", "collect"],
  ["prepare"],
  ["finish"],
  ["encode", "store"],
];

/**
 * What limits a run. From the outside in, the first that holds:
 *
 * 1. Most of the time no row was under way: `reduce` after the shards, `start` before them.
 * 2. Workers had no lease for a quarter of their time: `shards` or `coordinator`, whichever cost more.
 * 3. While they had one, the lanes were busy: `infer`. The model is the limit, as one would have it.
 * 4. The coordinator's thread was busy: `coordinator`.
 * 5. A worker's shard threads, step threads or writers were busy: the largest of their stages.
 * 6. Nothing was busy. With less than two rounds of shards there is little to overlap: `shards`. Of what is
 *    left, the longest: `start`, or the largest stage of the busiest threads.
 */
export function findBottleneck(usage: RunUsage): Bottleneck | null {
  const { doingMs, mapMs, reduceMs, absentMs } = usage;
  const startedMs = doingMs.working + doingMs.awaitingCoordinator + doingMs.awaitingShards;
  const mapShare = shareOf(mapMs, mapMs + reduceMs);
  const startShare = mapShare * shareOf(absentMs + doingMs.starting, absentMs + doingMs.starting + startedMs);
  if (reduceMs > 0 && 1 - mapShare > MOST) return "reduce";
  if (startShare > MOST) return "start";
  if (startedMs === 0) return null;
  const [waitedFor, waitedMs] =
    doingMs.awaitingShards >= doingMs.awaitingCoordinator
      ? (["shards", doingMs.awaitingShards] as const)
      : (["coordinator", doingMs.awaitingCoordinator] as const);
  if (waitedMs / startedMs > MUCH) return waitedFor;
  const working = doingMs.working / startedMs;
  return limitAtWork(usage, working, startShare);
}

function limitAtWork(usage: RunUsage, working: number, startShare: number): Bottleneck | null {
  const shareAtWork = (stage: Stage) => shareOf(usage.stages[stage] ?? 0, working);
  if (shareAtWork("infer") >= LANES_FULL) return "infer";
  if ((usage.loopShare ?? 0) > LOOP_FULL) return "coordinator";
  const threads = [...THREADS, ["infer"] as const].map((stages) => ({
    stages,
    busy: stages.reduce((sum, stage) => sum + shareAtWork(stage), 0),
  }));
  const busiest = threads.reduce((a, b) => (b.busy > a.busy ? b : a));
  const stage = busiest.stages.reduce((a, b) => (shareAtWork(b) > shareAtWork(a) ? b : a));
  if (busiest.busy >= THREAD_FULL) return stage;
  if (usage.shards < 2 * usage.slots) return "shards";
  if (startShare > MUCH) return "start";
  return busiest.busy >= THREAD_BUSY ? stage : null;
}

function shareOf(part: number, whole: number): number {
  return whole > 0 ? Math.min(1, part / whole) : 0;
}
