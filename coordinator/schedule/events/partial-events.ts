import { assert } from "../../../shared/core/assert.ts";
import { isEnded } from "../../../shared/domain/job.ts";
import type { PartialManifest } from "../../../shared/domain/partial.ts";
import { compareTokens } from "../../../shared/domain/token.ts";
import { discardLoser, refuseOffer, resolveOffer, staleLease } from "../policy/answers.ts";
import { clearStrikes, strike } from "../policy/exclusion.ts";
import { failOverBudget, overBudget } from "../policy/job-end.ts";
import { enqueue } from "../policy/pending-queue.ts";
import { endStoreWait } from "../policy/store-wait.ts";
import { failRevoked, returnToPending, tooOftenRevoked } from "../policy/verdict.ts";
import { type EventContext, recordDurably, recordSoon, wake, wakeWorker } from "../state/effect.ts";
import type { EventOf } from "../state/event.ts";
import { findAttempt } from "../state/evolve-shard.ts";
import { detachLease } from "../state/job-state.ts";
import { moveShard } from "../state/moves.ts";
import type { AttemptEnd } from "../state/record.ts";
import { historyOf } from "../state/shard-place.ts";
import type { Offer, ShardEntry, ShardState } from "../state/shard-state.ts";

type Committing = Extract<ShardState, { kind: "committing" }>;

/** Commits an offer that is complete and durable. It counts once its record is on disk. */
export function partialStored(context: EventContext, event: EventOf<"partialStored">): void {
  const { state } = context;
  const found = verifiedOffer(context, event);
  if (found === null) return;
  const { entry, committing } = found;
  const { partial, msPerRow } = committing.offer;
  recordDurably(context, { kind: "shardCommitted", partial });
  if (msPerRow !== null) state.speeds.add(committing.offer.workerName, msPerRow);
  clearStrikes(context, committing.offer.workerName);
  state.storeWaits.delete(entry);
  endStoreWait(context);
  resolveOffer(context, partial, { kind: "committed" });
  for (const loser of committing.waiting) {
    resolveOffer(context, loser.partial, { kind: "alreadyCommitted" });
    discardLoser(context, loser.partial);
    endOffer(context, entry, loser, { kind: "superseded" });
  }
  for (const lease of committing.leases) {
    const { token, workerName: worker } = lease;
    detachLease(state, lease);
    wakeWorker(context, lease.session);
    recordSoon(context, {
      kind: "attemptEnded",
      shard: entry.shard.id,
      token,
      worker,
      end: { kind: "superseded" },
    });
  }
  if (overBudget(state, 0)) failOverBudget(context, null);
}

/**
 * Rejects an offer that is not as described, and revokes its token. The next offer with another token is
 * verified. Without one, other leases continue, or the shard is pending.
 */
export function partialRejected(context: EventContext, event: EventOf<"partialRejected">): void {
  const { state } = context;
  const found = verifiedOffer(context, event);
  if (found === null) return;
  const { entry, committing } = found;
  const { offer, waiting, leases } = committing;
  const { code, message } = event.reason;
  const end: AttemptEnd = { kind: "rejected", code, message };
  endOffer(context, entry, offer, end);
  refuseOffer(context, offer.partial, event.reason);
  const revoked = waiting.filter(({ partial }) => sameToken(partial, offer.partial));
  for (const { partial } of revoked) refuseOffer(context, partial, staleLease(partial.shard, partial.token));
  const [next, ...rest] = waiting.filter((other) => !revoked.includes(other));
  if (next !== undefined) {
    moveShard(state, entry, "rejected", { kind: "committing", offer: next, waiting: rest, leases });
    context.effects.push({ kind: "verify", partial: next.partial });
  } else if (leases.length > 0) {
    moveShard(state, entry, "rejected", { kind: "leased", leases });
  } else {
    returnToPending(context, entry, "rejected", end);
  }
  strike(context, offer.workerName, [entry]);
  for (const { partial } of [offer, ...revoked]) discardLoser(context, partial);
}

/**
 * Revokes a commit, so that its shard is mapped again. A report of another partial than the committed one is
 * outdated, and changes nothing.
 */
export function partialDamaged(
  context: EventContext,
  { shard, digest, reason }: EventOf<"partialDamaged">,
): void {
  const { state } = context;
  const entry = state.shards[shard];
  if (entry?.state.kind !== "committed" || entry.state.partial.digest !== digest) return;
  const { token } = entry.state.partial;
  recordDurably(context, { kind: "shardRevoked", shard, digest, reason });
  strike(context, findAttempt(entry, token)?.worker ?? "", [entry]);
  if (tooOftenRevoked(state, entry)) {
    failRevoked(context, entry);
    return;
  }
  moveShard(state, entry, "queued", { kind: "pending", sinceMs: context.nowMs, notBeforeMs: 0 });
  enqueue(state, entry);
  wake(context);
}

function sameToken(a: PartialManifest, b: PartialManifest): boolean {
  return compareTokens(a.token, b.token) === 0;
}

/** Returns the offer that was verified. Null: the event came twice, and the shard is committed. */
function verifiedOffer(
  context: EventContext,
  event: EventOf<"partialStored"> | EventOf<"partialRejected">,
): { entry: ShardEntry; committing: Committing } | null {
  const { state } = context;
  assert(!isEnded(state.phase.kind), "an ended job verifies nothing");
  const entry = state.shards[event.shard];
  assert(entry !== undefined, `shard ${event.shard} is of the plan`);
  const { state: shard } = entry;
  if (shard.kind === "committing" && shard.offer.partial.executionId === event.executionId) {
    return { entry, committing: shard };
  }
  if (shard.kind === "committed" && shard.partial.executionId === event.executionId) return null;
  throw new Error(
    `broken invariant: ${event.kind} of execution ${event.executionId}; ${historyOf(state, entry)}`,
  );
}

function endOffer(
  context: EventContext,
  entry: ShardEntry,
  { partial, workerName }: Offer,
  end: AttemptEnd,
): void {
  const { token } = partial;
  recordSoon(context, { kind: "attemptEnded", shard: entry.shard.id, token, worker: workerName, end });
}
