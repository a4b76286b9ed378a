import { isEnded } from "../../../shared/domain/job.ts";
import { type EventContext, wake } from "../state/effect.ts";
import type { JobState, Reputation } from "../state/job-state.ts";
import type { ShardEntry } from "../state/shard-state.ts";

/**
 * Counts a strike against a worker that failed, crashed, or offered a bad partial. No strike counts if the
 * shard is to blame. That is a shard that failed on another worker, too, or is half of a failed one. Then
 * earlier strikes for it are removed.
 */
export function strike(context: EventContext, name: string, shards: readonly ShardEntry[]): void {
  const { state, nowMs } = context;
  const { strikes: limit, windowMs } = state.config.exclusion;
  if (limit === 0 || shards.length === 0 || isEnded(state.phase.kind)) return;
  const blamed = shards.filter(isToBlame);
  if (blamed.length > 0) {
    for (const shard of blamed) takeBack(context, shard);
    return;
  }
  const reputation = state.reputations.get(name) ?? { strikes: [], exclusion: null };
  const recent = reputation.strikes.filter(({ atMs }) => nowMs - atMs < windowMs);
  reputation.strikes = [...recent, { atMs: nowMs, shards }].slice(-limit);
  state.reputations.set(name, reputation);
  judgeWorker(context, name, reputation);
}

/** Removes a worker's strikes and exclusion: its commit proves that it works. */
export function clearStrikes(context: EventContext, name: string): void {
  const { reputations } = context.state;
  const reputation = reputations.get(name);
  reputations.delete(name);
  if (reputation !== undefined && reputation.exclusion !== null)
    readmit(context, name, "it committed a shard");
}

/**
 * Returns when a worker may ask again. Null: it may have a lease now. Infinity: once its lease ends. On
 * probation, after its exclusion, a worker gets one shard at a time.
 */
export function excludedUntilMs(state: JobState, name: string, nowMs: number): number | null {
  const exclusion = state.reputations.get(name)?.exclusion ?? null;
  if (exclusion === null) return null;
  if (nowMs < exclusion.untilMs) return exclusion.untilMs;
  for (const worker of state.workers.values()) {
    if (worker.name === name && worker.leases.size > 0) return Number.POSITIVE_INFINITY;
  }
  return null;
}

/** Returns how much longer a worker is excluded. 0: on probation. Null: trusted. */
export function excludedMs(state: JobState, name: string, nowMs: number): number | null {
  const exclusion = state.reputations.get(name)?.exclusion ?? null;
  return exclusion === null ? null : Math.max(0, exclusion.untilMs - nowMs);
}

/**
 * Law `excluded-by-probes`: some present worker is always trusted. When the last trusted one has left, all
 * others are trusted again.
 */
export function keepOneWorker(context: EventContext): void {
  const { workerNames, reputations } = context.state;
  if (workerNames.size === 0 || trustedNames(context.state) > 0) return;
  for (const name of workerNames.keys()) {
    reputations.delete(name);
    readmit(context, name, "no other worker is connected");
  }
}

/** Checks whether a present and trusted worker has not failed on this shard. */
export function isUntriedSomewhere(state: JobState, { failures }: ShardEntry): boolean {
  const tried = new Set(failures.map(({ worker }) => worker));
  let triedAndTrusted = 0;
  for (const name of tried) if (state.workerNames.has(name) && !isExcluded(state, name)) triedAndTrusted += 1;
  return trustedNames(state) > triedAndTrusted;
}

/**
 * Removes old strikes of trusted workers. Removes an excluded worker that was absent for a window after its
 * exclusion.
 */
export function forgetOldStrikes({ state, nowMs }: EventContext): void {
  const { windowMs } = state.config.exclusion;
  for (const [name, { strikes, exclusion }] of state.reputations) {
    const lastMs = Math.max(strikes.at(-1)?.atMs ?? 0, exclusion?.untilMs ?? 0);
    const kept = exclusion !== null && state.workerNames.has(name);
    if (!kept && nowMs - lastMs >= windowMs) state.reputations.delete(name);
  }
}

function isToBlame({ failures, parent }: ShardEntry): boolean {
  return parent !== null || new Set(failures.map(({ worker }) => worker)).size > 1;
}

function takeBack(context: EventContext, shard: ShardEntry): void {
  const { reputations, config } = context.state;
  for (const [name, reputation] of reputations) {
    reputation.strikes = reputation.strikes.filter(({ shards }) => !shards.includes(shard));
    if (reputation.exclusion !== null && reputation.strikes.length < config.exclusion.strikes) {
      reputations.delete(name);
      readmit(context, name, "the shards caused the failures");
    }
  }
}

function judgeWorker(context: EventContext, name: string, reputation: Reputation): void {
  const { state, nowMs } = context;
  const { strikes: limit, forMs, forMaxMs } = state.config.exclusion;
  const { exclusion } = reputation;
  // Older leases of an excluded worker may fail as well, which proves nothing new.
  if (exclusion !== null && nowMs < exclusion.untilMs) return;
  if (exclusion === null && reputation.strikes.length < limit) return;
  if (exclusion === null && !othersTrusted(state, name)) return;
  const longer = exclusion === null ? forMs : Math.min(2 * exclusion.forMs, forMaxMs);
  reputation.exclusion = { sinceMs: nowMs, untilMs: nowMs + longer, forMs: longer };
  const reason = exclusion === null ? `${limit} failures in a row` : "it failed again";
  context.effects.push({ kind: "exclusion", name, excludedForMs: longer, reason });
}

function readmit(context: EventContext, name: string, reason: string): void {
  context.effects.push({ kind: "exclusion", name, excludedForMs: null, reason });
  if (context.state.counts.pending > 0) wake(context);
}

export function isExcluded({ reputations }: JobState, name: string): boolean {
  return (reputations.get(name)?.exclusion ?? null) !== null;
}

function trustedNames({ reputations, workerNames }: JobState): number {
  let excluded = 0;
  for (const [name, { exclusion }] of reputations)
    if (exclusion !== null && workerNames.has(name)) excluded += 1;
  return workerNames.size - excluded;
}

function othersTrusted(state: JobState, name: string): boolean {
  const own = state.workerNames.has(name) && !isExcluded(state, name) ? 1 : 0;
  return trustedNames(state) > own;
}
