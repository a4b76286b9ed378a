import { type PartialManifest, partialFolder } from "../../../shared/domain/partial.ts";
import type { ShardId } from "../../../shared/domain/shard.ts";
import { compareTokens, type Token, tokenKey } from "../../../shared/domain/token.ts";
import type { WorkerSession } from "../../../shared/domain/worker.ts";
import type { EventContext, OfferOutcome } from "../state/effect.ts";
import { findAttempt } from "../state/evolve-shard.ts";
import { isOpenEntry, type JobState } from "../state/job-state.ts";
import type { FailureReason } from "../state/record.ts";
import { offersOf, type ShardEntry } from "../state/shard-state.ts";

/** The worker must register again: this coordinator does not know it, or has taken it for dead. */
export function staleSession(worker: WorkerSession): FailureReason {
  const message = "this worker session is not known here (any more): register again";
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
 * Why a partial under this token is refused. Null when it is welcome: this coordinator or an earlier one
 * granted the token for this shard, and it was not revoked. That its lease ran out is no reason.
 */
export function tokenFault(state: JobState, entry: ShardEntry, token: Token): FailureReason | null {
  const { id } = entry.shard;
  const attempt = findAttempt(entry, token);
  if (attempt !== undefined) {
    const { end } = attempt;
    return end === null || end.kind === "expired" || end.kind === "died" ? null : staleLease(id, token);
  }
  const { forgottenUpTo } = entry;
  const forgotten = forgottenUpTo !== null && compareTokens(token, forgottenUpTo) <= 0;
  // A grant of this generation would be here; one of an earlier generation may have been lost with the
  // unwritten records.
  return token.generation < state.generation && !forgotten ? null : staleLease(id, token);
}

/** Why files of a partial under this token are refused; null when the partial might still be committed. */
export function uploadFault(state: JobState, shard: ShardId, token: Token): FailureReason | null {
  const entry = state.shards[shard];
  if (state.phase.kind !== "running" || entry === undefined || !isOpenEntry(entry))
    return staleLease(shard, token);
  return tokenFault(state, entry, token);
}

export function settleOffer(context: EventContext, partial: PartialManifest, outcome: OfferOutcome): void {
  const { shard, token, executionId } = partial;
  context.effects.push({ kind: "settleOffer", shard, token, executionId, outcome });
}

export function refuseOffer(context: EventContext, partial: PartialManifest, reason: FailureReason): void {
  settleOffer(context, partial, { kind: "refused", reason });
}

/**
 * Deletes the files of a partial that lost. They stay when another manifest under the same name won, or may
 * still win, since the files are that one's too.
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

/** Whether these are the files that the output is made of, whatever became of the job. */
export function isCommittedPartial(state: JobState, partial: PartialManifest): boolean {
  const entry = state.shards[partial.shard];
  if (entry?.state.kind !== "committed") return false;
  const { executionId, digest } = entry.state.partial;
  return executionId === partial.executionId && digest === partial.digest;
}
