import { assertNever } from "../../../shared/core/assert.ts";
import { type PartialManifest, partialFolder } from "../../../shared/domain/partial.ts";
import { rowCountsFault, rowCountsOf } from "../../../shared/domain/row-counts.ts";
import { shardRows } from "../../../shared/domain/shard.ts";
import { compareTokens, tokenKey } from "../../../shared/domain/token.ts";
import {
  discardLoser,
  isCommittedPartial,
  refuseOffer,
  resolveOffer,
  staleLease,
  staleSession,
  tokenFault,
} from "../policy/answers.ts";
import { strike } from "../policy/exclusion.ts";
import { endLease } from "../policy/leases.ts";
import { type EventContext, wakeWorker } from "../state/effect.ts";
import type { EventOf } from "../state/event.ts";
import type { JobState, WorkerEntry } from "../state/job-state.ts";
import { detachLease } from "../state/job-state.ts";
import { moveShard } from "../state/moves.ts";
import type { FailureReason } from "../state/record.ts";
import { placeOf } from "../state/shard-place.ts";
import {
  type LeaseEntry,
  leasesOf,
  MAX_WAITING_OFFERS,
  type Offer,
  offersOf,
  type ShardEntry,
} from "../state/shard-state.ts";

/**
 * Handles the offer of a finished partial. It need not come from a live lease: a complete partial is good,
 * however late. Its token must have been granted for this shard, and not be revoked. The partial counts once
 * it is verified.
 *
 * While an offer of a shard is verified, others wait. If it is stored, they have lost. Otherwise the next one
 * is verified.
 */
export function partialOffered(
  context: EventContext,
  { worker: session, partial }: EventOf<"partialOffered">,
): void {
  const { state } = context;
  const worker = state.workers.get(session);
  // The files stay: the worker may register again, and repeat the offer.
  if (worker === undefined) {
    refuseOffer(context, partial, staleSession(session));
    return;
  }
  const entry = state.shards[partial.shard];
  if (entry === undefined) {
    refuseAndDiscard(context, partial, staleLease(partial.shard, partial.token));
    return;
  }
  switch (entry.state.kind) {
    case "committed":
      offeredAfterCommit(context, entry, partial);
      break;
    case "split":
    case "poisoned":
      refuseAndDiscard(context, partial, staleLease(partial.shard, partial.token));
      break;
    case "pending":
    case "leased":
    case "committing":
      offeredWhileOpen(context, worker, entry, partial);
      break;
    default:
      assertNever(entry.state);
  }
}

/**
 * Answers an offer for a committed shard. The first commit wins. Another partial is no error, because GPU
 * results may differ in their bits.
 */
function offeredAfterCommit(context: EventContext, entry: ShardEntry, partial: PartialManifest): void {
  if (isCommittedPartial(context.state, partial)) {
    resolveOffer(context, partial, { kind: "committed" });
    return;
  }
  const sameName =
    entry.state.kind === "committed" && partialFolder(entry.state.partial) === partialFolder(partial);
  if (sameName) {
    refuseOffer(context, partial, changedPartial(partial));
    return;
  }
  resolveOffer(context, partial, { kind: "alreadyCommitted" });
  discardLoser(context, partial);
}

function offeredWhileOpen(
  context: EventContext,
  worker: WorkerEntry,
  entry: ShardEntry,
  partial: PartialManifest,
): void {
  const { state } = context;
  // Sent twice: the first answer is for both.
  if (offersOf(entry.state).some((offer) => partialFolder(offer.partial) === partialFolder(partial))) return;
  const invalid = tokenFault(state, entry, partial.token) ?? countFault(state, entry, partial);
  const lease = leasesOf(entry.state).find(({ token }) => compareTokens(token, partial.token) === 0);
  if (invalid !== null) {
    refuseAndDiscard(context, partial, invalid);
    const { code, message } = invalid;
    if (lease !== undefined) {
      endLease(context, lease, { kind: "rejected", code, message });
      strike(context, lease.workerName, [entry]);
    }
    return;
  }
  if (offersOf(entry.state).length > MAX_WAITING_OFFERS) {
    const message = `other partials of shard ${partial.shard} are being verified: offer this one again later`;
    refuseOffer(context, partial, {
      code: "RESOURCE_EXHAUSTED",
      message,
      fields: { shard: partial.shard },
    });
    return;
  }
  worker.movedMs = context.nowMs;
  accept(context, entry, lease, { partial, workerName: worker.name, msPerRow: msPerRowOf(context, lease) });
}

/** Accepts an offer. Its lease ends, which frees the slot. */
function accept(context: EventContext, entry: ShardEntry, lease: LeaseEntry | undefined, offer: Offer): void {
  const { state } = context;
  if (lease !== undefined) detachLease(state, lease);
  const leases = leasesOf(entry.state).filter((other) => other !== lease);
  if (entry.state.kind === "committing") {
    const waiting = [...entry.state.waiting, offer];
    moveShard(state, entry, "offered", { kind: "committing", offer: entry.state.offer, waiting, leases });
  } else {
    moveShard(state, entry, "offered", { kind: "committing", offer, waiting: [], leases });
    context.effects.push({ kind: "verify", partial: offer.partial });
  }
  if (lease !== undefined) wakeWorker(context, lease.session);
}

function refuseAndDiscard(context: EventContext, partial: PartialManifest, reason: FailureReason): void {
  refuseOffer(context, partial, reason);
  discardLoser(context, partial);
}

function countFault(state: JobState, entry: ShardEntry, partial: PartialManifest): FailureReason | null {
  const { rowsDeadLettered, firstDeadLetter, token } = partial;
  const expected = shardRows(entry.shard);
  const fault = rowCountsFault(partial, expected);
  const isNamed = (firstDeadLetter !== null) === rowsDeadLettered > 0;
  if (fault === null && isNamed) return null;
  const found = fault ?? `${rowsDeadLettered} dead letters, and a first dead letter that does not match`;
  return {
    code: "PARTIAL_INVALID",
    message: `the partial ${tokenKey(token)} does not account for ${placeOf(state, entry)}: expected ${expected} rows, found ${found}`,
    fields: { shard: partial.shard, expected, ...rowCountsOf(partial) },
  };
}

function changedPartial({ shard, executionId }: PartialManifest): FailureReason {
  const message = `the partial ${executionId} of shard ${shard} was offered before with other content`;
  return { code: "PARTIAL_INVALID", message, fields: { shard, executionId } };
}

/** Returns the speed of the attempt. Null: its lease has ended, or the shard has no rows. */
function msPerRowOf({ nowMs }: EventContext, lease: LeaseEntry | undefined): number | null {
  const rows = lease === undefined ? 0 : shardRows(lease.entry.shard);
  return lease === undefined || rows === 0 ? null : (nowMs - lease.startedMs) / rows;
}
