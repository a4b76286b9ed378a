import { type PartialManifest, partialFolder } from "../../../shared/domain/partial.ts";
import type { ShardId } from "../../../shared/domain/shard.ts";
import { compareTokens, type Token, tokenKey } from "../../../shared/domain/token.ts";
import type { WorkerSession } from "../../../shared/domain/worker.ts";
import type { EventContext, OfferOutcome } from "../state/effect.ts";
import { findAttempt } from "../state/evolve-shard.ts";
import { isOpenEntry, type JobState } from "../state/job-state.ts";
import type { FailureReason } from "../state/record.ts";
import { offersOf, type ShardEntry } from "../state/shard-state.ts";

/** Returns the reason that makes a worker register again: its session is unknown here, or counts as lost. */
export function staleSession(worker: WorkerSession): FailureReason {
  const message = "this worker session is unknown or has ended: register again";
  return { code: "SESSION_STALE", message, fields: { session: worker } };
}

export function refuseStaleSession(context: EventContext, worker: WorkerSession): void {
  context.effects.push({ kind: "refuse", reason: staleSession(worker) });
}

export function staleLease(shard: ShardId, token: Token): FailureReason {
  const message = `the lease ${tokenKey(token)} on shard ${shard} is over`;
  return { code: "LEASE_STALE", message, fields: { shard, token: tokenKey(token) } };
}

/**
 * Returns why a partial with this token is refused. Null: accepted. Then this or an earlier coordinator
 * granted the token for this shard, and it was not revoked. An expired lease is no reason.
 */
export function tokenFault(state: JobState, entry: ShardEntry, token: Token): FailureReason | null {
  const { id } = entry.shard;
  const attempt = findAttempt(entry, token);
  if (attempt !== undefined) {
    const { end } = attempt;
    return end === null || end.kind === "expired" || end.kind === "lost" ? null : staleLease(id, token);
  }
  const { forgottenUpTo } = entry;
  const forgotten = forgottenUpTo !== null && compareTokens(token, forgottenUpTo) <= 0;
  // A grant of this generation would be known. One of an earlier generation may have been lost with unwritten
  // records.
  return token.generation < state.generation && !forgotten ? null : staleLease(id, token);
}

/** Returns why files of a partial with this token are refused. Null: the partial might still be committed. */
export function uploadFault(state: JobState, shard: ShardId, token: Token): FailureReason | null {
  const entry = state.shards[shard];
  if (state.phase.kind !== "running" || entry === undefined || !isOpenEntry(entry))
    return staleLease(shard, token);
  return tokenFault(state, entry, token);
}

export function resolveOffer(context: EventContext, partial: PartialManifest, outcome: OfferOutcome): void {
  const { shard, token, executionId } = partial;
  context.effects.push({ kind: "settleOffer", shard, token, executionId, outcome });
}

export function refuseOffer(context: EventContext, partial: PartialManifest, reason: FailureReason): void {
  resolveOffer(context, partial, { kind: "refused", reason });
}

/**
 * Deletes the files of a partial that lost. They stay if another manifest of the same name won, or may still
 * win: it uses the same files.
 */
export function discardLoser(context: EventContext, partial: PartialManifest): void {
  const { state } = context;
  const shard = state.shards[partial.shard]?.state;
  const folder = partialFolder(partial);
  const kept = shard === undefined ? [] : offersOf(shard).map((offer) => offer.partial);
  const inUse = kept.some((other) => other !== partial && partialFolder(other) === folder);
  const committed = shard?.kind === "committed" && partialFolder(shard.partial) === folder;
  if (!inUse && !committed) context.effects.push({ kind: "discard", partial });
}

/** Checks whether the output is made of these files, also when the job has ended. */
export function isCommittedPartial(state: JobState, partial: PartialManifest): boolean {
  const entry = state.shards[partial.shard];
  if (entry?.state.kind !== "committed") return false;
  const { executionId, digest } = entry.state.partial;
  return executionId === partial.executionId && digest === partial.digest;
}
