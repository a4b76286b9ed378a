import type { ShardId } from "../../../shared/domain/shard.ts";
import { compareTokens, type Token } from "../../../shared/domain/token.ts";
import { findAttempt } from "../state/evolve-shard.ts";
import { isOpenEntry, type JobState } from "../state/job-state.ts";
import type { FailureReason } from "../state/record.ts";
import type { ShardEntry } from "../state/shard-state.ts";
import { staleLease } from "../state/worker-refusals.ts";

/**
 * Why a partial under this token is not wanted; null when it is: the token was granted for this shard by this
 * coordinator or an earlier one, and not revoked. Running late is no fault.
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

/**
 * Why no file of a partial is wanted that would be offered under this token; null when it might be committed.
 */
export function uploadFault(state: JobState, shard: ShardId, token: Token): FailureReason | null {
  const entry = state.shards[shard];
  if (state.phase !== "running" || entry === undefined || !isOpenEntry(entry))
    return staleLease(shard, token);
  return tokenFault(state, entry, token);
}
