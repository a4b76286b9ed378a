import { type PartialManifest, partialFolder } from "../../../shared/domain/partial.ts";
import type { OfferOutcome } from "../state/effect.ts";
import type { Turn } from "../state/event-context.ts";
import type { JobState } from "../state/job-state.ts";
import type { FailureReason } from "../state/record.ts";
import { offersOf } from "../state/shard-state.ts";

export function settleOffer(turn: Turn, partial: PartialManifest, outcome: OfferOutcome): void {
  const { shard, token, executionId } = partial;
  turn.effects.push({ kind: "settleOffer", shard, token, executionId, outcome });
}

export function refuseOffer(turn: Turn, partial: PartialManifest, reason: FailureReason): void {
  settleOffer(turn, partial, { kind: "refused", reason });
}

/**
 * Lets the files of a partial that lost be deleted; except where another manifest under the same name won or
 * may still win, for then the files are its own.
 */
export function discardLoser(turn: Turn, partial: PartialManifest): void {
  const { state } = turn;
  const shard = state.shards[partial.shard]?.state;
  const folder = partialFolder(partial);
  const kept = shard === undefined ? [] : offersOf(shard).map((offer) => offer.partial);
  const inUse = kept.some((other) => other !== partial && partialFolder(other) === folder);
  const committed = shard?.kind === "committed" && partialFolder(shard.partial) === folder;
  if (!inUse && !committed) turn.effects.push({ kind: "discard", partial });
}

/** Whether these are the files that the output is made of, whatever became of the job. */
export function isCommittedPartial(state: JobState, partial: PartialManifest): boolean {
  const entry = state.shards[partial.shard];
  if (entry?.state.kind !== "committed") return false;
  const { executionId, digest } = entry.state.partial;
  return executionId === partial.executionId && digest === partial.digest;
}
