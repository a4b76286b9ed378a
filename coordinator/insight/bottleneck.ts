import type { Bottleneck } from "../../shared/domain/bottleneck.ts";
import type { Stage, StageShares } from "../../shared/domain/worker.ts";

/** Current activity of a worker, as its coordinator sees it. */
export type WorkerDoing =
  /** The worker has joined but returned no rows yet: its model loads. */
  | "starting"
  /** The worker holds a lease. */
  | "working"
  /** The worker holds no lease although shards are pending, or all shards are returned and being verified. */
  | "awaitingCoordinator"
  /** The worker holds no lease: every shard is done or leased to others. */
  | "awaitingShards";

/** Times of a run, in worker-milliseconds. `mapMs` and `reduceMs` are wall-clock times. */
export interface RunUsage {
  readonly mapMs: number;
  /** Time of reductions and publishing. */
  readonly reduceMs: number;
  /** Time without any worker, counted as one worker's. */
  readonly absentMs: number;
  readonly doingMs: Readonly<Record<WorkerDoing, number>>;
  /** Mean busy shares over all workers that have started, including idle ones. */
  readonly stages: StageShares;
  /** Busy share of the coordinator's thread, 0 to 1. */
  readonly loopShare: number | null;
  readonly shards: number;
  /** Most leases that all workers could hold at once. */
  readonly slots: number;
}

/** Share from which lanes count as full. Passing a batch on takes a few percent of the time that it runs. */
const LANES_FULL = 0.85;
/**
 * Share from which a thread with several stages limits the run. It also waits for the lanes and the disk, so
 * it limits the run before it is always busy.
 */
const THREAD_FULL = 0.7;
/** Share below which a thread limits nothing. */
const THREAD_BUSY = 0.3;
const LOOP_FULL = 0.9;
/** Share of the time that outweighs all other parts together. */
const MOST = 0.5;
/** Lost share that is larger than any further gain from a stage. */
const MUCH = 0.25;

/** Stages that one kind of thread does in turn: together they are busy for at most 1. */
const THREADS: readonly (readonly Stage[])[] = [
  ["read", "decode", "tensorize", "collect"],
  ["prepare"],
  ["finish"],
  ["encode", "store"],
];

/**
 * Returns what limits a run. The first condition that holds decides:
 *
 * 1. Most of the time no row was being mapped: `reduce` after the shards, `start` before them.
 * 2. Workers had no lease for a quarter of their time: `shards` or `coordinator`, whichever cost more.
 * 3. The lanes of workers with a lease were busy: `infer`. This is the best case.
 * 4. The coordinator's thread was busy: `coordinator`.
 * 5. A worker's shard threads, step threads or writers were busy: the largest of their stages.
 * 6. Nothing was busy. With less than two rounds of shards little can overlap: `shards`. Otherwise `start`
 *    if it cost much, else the largest stage of the busiest threads.
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
