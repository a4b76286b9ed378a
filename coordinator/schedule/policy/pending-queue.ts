import { assert } from "../../../shared/core/assert.ts";
import type { Heap } from "../../../shared/core/heap.ts";
import { compareShards, type ShardId } from "../../../shared/domain/shard.ts";
import type { WorkerSession } from "../../../shared/domain/worker.ts";
import { isPaused, type JobState, type QueueItem, type WorkerEntry } from "../state/job-state.ts";
import { isMarked, isSuspect, type ShardEntry } from "../state/shard-state.ts";
import { excludedUntilMs, isExcluded, isUntriedSomewhere } from "./exclusion.ts";

/** Adds a pending shard to the queue: in plan order, or until its back-off ends. */
export function enqueue(state: JobState, entry: ShardEntry): void {
  assert(entry.state.kind === "pending", "only a pending shard waits in the queue");
  entry.queueSeq += 1;
  const item = { entry, seq: entry.queueSeq, notBeforeMs: entry.state.notBeforeMs };
  if (item.notBeforeMs > 0) state.queue.backingOff.push(item);
  else lineOf(state, entry).push(item);
}

/** Takes the first shard in plan order that this worker may have now. Null: there is none. */
export function takePending(state: JobState, worker: WorkerEntry, nowMs: number): ShardEntry | null {
  promoteDue(state, nowMs);
  const { ready, marked } = state.queue;
  const first = peekLive(ready)?.entry ?? null;
  // A worker on probation is tested with a shard that has not failed before.
  const unmarked = first !== null && isExcluded(state, worker.name);
  const candidate = unmarked ? null : takeMarked(state, worker, nowMs);
  if (candidate === null) {
    if (first !== null) ready.pop();
    return first;
  }
  if (first === null || compareShards(candidate.entry.shard, first.shard) < 0) return candidate.entry;
  marked.push(candidate);
  ready.pop();
  return first;
}

/**
 * Returns the first of these shards that is pending and has no failures. The worker has done a part of it
 * already.
 */
export function takeRunning(state: JobState, running: readonly ShardId[]): ShardEntry | null {
  for (const id of running) {
    const entry = state.shards[id];
    // The shard's queue item becomes void by itself.
    if (entry?.state.kind === "pending" && entry.failures.length === 0 && !isMarked(entry)) return entry;
  }
  return null;
}

/** Returns when a waiting shard may become available to some worker. Null: the time alone changes nothing. */
export function nextReadyAtMs(state: JobState, nowMs: number): number | null {
  const backingOff = peekLive(state.queue.backingOff)?.notBeforeMs ?? null;
  const marked = peekLive(state.queue.marked)?.entry;
  if (marked === undefined) return backingOff;
  const elsewhereMs = elsewhereUntilMs(state, marked);
  if (elsewhereMs <= nowMs) return backingOff;
  return backingOff === null ? elsewhereMs : Math.min(backingOff, elsewhereMs);
}

/**
 * Returns how many pending shards this worker could get now if it held none. Inexact when several shards have
 * failed before, but 0 only if there are none.
 */
export function readyFor(state: JobState, session: WorkerSession, nowMs: number): number {
  const worker = state.workers.get(session);
  if (worker === undefined || state.phase.kind !== "running" || isPaused(state)) return 0;
  if (excludedUntilMs(state, worker.name, nowMs) !== null) return 0;
  promoteDue(state, nowMs);
  const { ready, marked } = state.queue;
  const fresh = peekLive(ready) === undefined ? 0 : Math.min(ready.size, state.counts.pending);
  const failed = peekLive(marked)?.entry;
  return fresh + (failed !== undefined && mayTryOnceEmpty(state, worker, failed, nowMs) ? 1 : 0);
}

/**
 * Checks whether a worker gets no more shards until it holds none, because a suspect waits. A suspect must
 * run alone. At work, no worker is without a lease before the job's end. Without this rule all suspects would
 * wait until then, and a poisonous row would be found last. The first worker without leases takes the
 * suspect, and the others continue (decision 22).
 */
export function mustEmpty(state: JobState, worker: WorkerEntry, nowMs: number): boolean {
  if (worker.leases.size === 0) return false;
  promoteDue(state, nowMs);
  const entry = peekLive(state.queue.marked)?.entry;
  return entry !== undefined && isSuspect(entry) && mayTryOnceEmpty(state, worker, entry, nowMs);
}

function lineOf({ queue }: JobState, entry: ShardEntry): Heap<QueueItem> {
  return isMarked(entry) ? queue.marked : queue.ready;
}

function promoteDue(state: JobState, nowMs: number): void {
  const { backingOff } = state.queue;
  for (let item = peekLive(backingOff); item !== undefined; item = peekLive(backingOff)) {
    if (item.notBeforeMs > nowMs) return;
    backingOff.pop();
    lineOf(state, item.entry).push(item);
  }
}

function takeMarked(state: JobState, worker: WorkerEntry, nowMs: number): QueueItem | null {
  const { marked } = state.queue;
  const passedOver: QueueItem[] = [];
  let taken: QueueItem | null = null;
  while (taken === null) {
    const item = peekLive(marked);
    if (item === undefined) break;
    marked.pop();
    if (mayTry(state, worker, item.entry, nowMs)) taken = item;
    else passedOver.push(item);
  }
  for (const item of passedOver) marked.push(item);
  return taken;
}

/**
 * Checks whether a worker may try a shard. A suspect only goes to a worker without other leases. The last
 * attempt goes to a worker on which the shard has not failed, if one is present. The cause may be the
 * workers. This wait is limited to the time of a lease, because that worker may never ask.
 */
function mayTry(state: JobState, worker: WorkerEntry, entry: ShardEntry, nowMs: number): boolean {
  if (worker.leases.size > 0 && isSuspect(entry)) return false;
  return mayTryOnceEmpty(state, worker, entry, nowMs);
}

function mayTryOnceEmpty(state: JobState, worker: WorkerEntry, entry: ShardEntry, nowMs: number): boolean {
  const { failures } = entry;
  if (failures.length === 0 || failures.length < state.config.maxAttempts - 1) return true;
  if (failures.every((failure) => failure.worker !== worker.name)) return true;
  return !isUntriedSomewhere(state, entry) || nowMs >= elsewhereUntilMs(state, entry);
}

function elsewhereUntilMs(state: JobState, entry: ShardEntry): number {
  const { state: pending } = entry;
  return pending.kind === "pending"
    ? Math.max(pending.sinceMs, pending.notBeforeMs) + state.config.leaseMs
    : 0;
}

/** Returns the first item that is not void. */
function peekLive(heap: Heap<QueueItem>): QueueItem | undefined {
  for (let item = heap.peek(); item !== undefined; item = heap.peek()) {
    if (item.seq === item.entry.queueSeq && item.entry.state.kind === "pending") return item;
    heap.pop();
  }
  return undefined;
}
