import { assert } from "../../../shared/core/assert.ts";
import { isEnded } from "../../../shared/domain/job.ts";
import type { PartialManifest } from "../../../shared/domain/partial.ts";
import { compareTokens } from "../../../shared/domain/token.ts";
import { failOverBudget, overBudget } from "../policy/dead-letters.ts";
import { clearStrikes, strike } from "../policy/exclusion.ts";
import { discardLoser, refuseOffer, settleOffer } from "../policy/offer-answers.ts";
import { returnToPending } from "../policy/verdict.ts";
import type { EventOf } from "../state/event.ts";
import { recordDurably, recordSoon, type Turn, wakeWorker } from "../state/event-context.ts";
import { detachLease } from "../state/lease-index.ts";
import { moveShard } from "../state/moves.ts";
import type { AttemptEnd } from "../state/record.ts";
import { storyOf } from "../state/shard-history.ts";
import type { Offer, ShardEntry, ShardState } from "../state/shard-state.ts";
import { staleLease } from "../state/worker-refusals.ts";

type Committing = Extract<ShardState, { kind: "committing" }>;

/** The offer is whole and durable: it is the shard's partial from the moment that its record is on disk. */
export function partialStored(turn: Turn, event: EventOf<"partialStored">): void {
  const { state } = turn;
  const found = verifiedOffer(turn, event);
  if (found === null) return;
  const { entry, committing } = found;
  const { partial, msPerRow } = committing.offer;
  recordDurably(turn, { kind: "shardCommitted", partial });
  if (msPerRow !== null) state.speeds.add(committing.offer.workerName, msPerRow);
  clearStrikes(turn, committing.offer.workerName);
  settleOffer(turn, partial, { kind: "committed" });
  for (const loser of committing.waiting) {
    settleOffer(turn, loser.partial, { kind: "alreadyCommitted" });
    discardLoser(turn, loser.partial);
    endOffer(turn, entry, loser, { kind: "superseded" });
  }
  for (const lease of committing.leases) {
    const { token, workerName: worker } = lease;
    detachLease(state, lease);
    wakeWorker(turn, lease.session);
    recordSoon(turn, {
      kind: "attemptEnded",
      shard: entry.shard.id,
      token,
      worker,
      end: { kind: "superseded" },
    });
  }
  if (overBudget(state, 0)) failOverBudget(turn, null);
}

/**
 * The offer is not what it says, and its token is revoked: the next that waits under another token is
 * verified, else other leases go on, else the shard is pending.
 */
export function partialRejected(turn: Turn, event: EventOf<"partialRejected">): void {
  const { state } = turn;
  const found = verifiedOffer(turn, event);
  if (found === null) return;
  const { entry, committing } = found;
  const { offer, waiting, leases } = committing;
  const { code, message } = event.reason;
  const end: AttemptEnd = { kind: "rejected", code, message };
  endOffer(turn, entry, offer, end);
  refuseOffer(turn, offer.partial, event.reason);
  const revoked = waiting.filter(({ partial }) => sameToken(partial, offer.partial));
  for (const { partial } of revoked) refuseOffer(turn, partial, staleLease(partial.shard, partial.token));
  const [next, ...rest] = waiting.filter((other) => !revoked.includes(other));
  if (next !== undefined) {
    moveShard(state, entry, "rejected", { kind: "committing", offer: next, waiting: rest, leases });
    turn.effects.push({ kind: "verify", partial: next.partial });
  } else if (leases.length > 0) {
    moveShard(state, entry, "rejected", { kind: "leased", leases });
  } else {
    returnToPending(turn, entry, "rejected", end);
  }
  strike(turn, offer.workerName, [entry]);
  for (const { partial } of [offer, ...revoked]) discardLoser(turn, partial);
}

function sameToken(a: PartialManifest, b: PartialManifest): boolean {
  return compareTokens(a.token, b.token) === 0;
}

/**
 * The offer that the answer is about, or null when its shard has been settled before: an answer that came
 * twice.
 */
function verifiedOffer(
  turn: Turn,
  event: EventOf<"partialStored"> | EventOf<"partialRejected">,
): { entry: ShardEntry; committing: Committing } | null {
  const { state } = turn;
  assert(!isEnded(state.phase), "an ended job verifies nothing");
  const entry = state.shards[event.shard];
  assert(entry !== undefined, `shard ${event.shard} is of the plan`);
  const { state: shard } = entry;
  if (shard.kind === "committing" && shard.offer.partial.executionId === event.executionId) {
    return { entry, committing: shard };
  }
  if (shard.kind === "committed" && shard.partial.executionId === event.executionId) return null;
  throw new Error(
    `broken invariant: ${event.kind} of execution ${event.executionId}; ${storyOf(state, entry)}`,
  );
}

function endOffer(turn: Turn, entry: ShardEntry, { partial, workerName }: Offer, end: AttemptEnd): void {
  const { token } = partial;
  recordSoon(turn, { kind: "attemptEnded", shard: entry.shard.id, token, worker: workerName, end });
}
