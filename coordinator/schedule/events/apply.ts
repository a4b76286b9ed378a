import { assert, assertNever } from "../../../shared/core/assert.ts";
import { discardLoser, isCommittedPartial, refuseOffer, resolveOffer } from "../policy/answers.ts";
import { jobEndedReason } from "../policy/job-end.ts";
import type { EventContext, JobEffect } from "../state/effect.ts";
import type { EventOf, JobEvent } from "../state/event.ts";
import type { JobState } from "../state/job-state.ts";
import { cellOf } from "../state/moves.ts";
import {
  cancelRequested,
  jobAccepted,
  jobBroken,
  planSealed,
  publishDone,
  reduced,
  standingRequested,
} from "./job-events.ts";
import { attemptFailed, leaseReleased, leaseRequested } from "./lease-events.ts";
import { partialOffered } from "./offer-events.ts";
import { partialDamaged, partialRejected, partialStored } from "./partial-events.ts";
import { heartbeat, tick, workerJoined, workerLost, workerRefused } from "./worker-events.ts";

/**
 * The core: returns what must be done about an event, after changing the state. Synchronous, total and
 * deterministic. `nowMs` is monotonic.
 *
 * Law `record-before-answer`: the shell runs the effects of all events in one order. Effects after a durable
 * append wait until that record is on disk, whichever event appended it.
 *
 * @throws an Error with the state, the event and the shard's history, when the event is impossible now (see
 * moves.ts)
 */
export function applyEvent(state: JobState, nowMs: number, event: JobEvent): JobEffect[] {
  const context: EventContext = { state, nowMs, effects: [] };
  const before = state.phase.kind;
  if (cellOf(state, event) === "late") answerAfterEnd(context, event);
  else act(context, event);
  if (state.phase.kind === "reducing" && before !== "reducing") context.effects.push({ kind: "startReduce" });
  return context.effects;
}

function act(context: EventContext, event: JobEvent): void {
  switch (event.kind) {
    case "workerJoined":
      workerJoined(context, event);
      break;
    case "workerLost":
      workerLost(context, event);
      break;
    case "workerRefused":
      workerRefused(context, event);
      break;
    case "leaseRequested":
      leaseRequested(context, event);
      break;
    case "heartbeat":
      heartbeat(context, event);
      break;
    case "partialOffered":
      partialOffered(context, event);
      break;
    case "partialStored":
      partialStored(context, event);
      break;
    case "partialRejected":
      partialRejected(context, event);
      break;
    case "attemptFailed":
      attemptFailed(context, event);
      break;
    case "leaseReleased":
      leaseReleased(context, event);
      break;
    case "tick":
      tick(context);
      break;
    case "partialDamaged":
      partialDamaged(context, event);
      break;
    default:
      actOnJob(context, event);
  }
}

type FromWorkers = `worker${string}` | `lease${string}` | `partial${string}` | "attemptFailed" | "heartbeat";

/** Handles the events that neither come from workers nor concern their work. */
function actOnJob(
  context: EventContext,
  event: Exclude<JobEvent, { readonly kind: FromWorkers | "tick" }>,
): void {
  switch (event.kind) {
    case "jobAccepted":
      jobAccepted(context, event);
      break;
    case "planSealed":
      planSealed(context, event);
      break;
    case "cancelRequested":
      cancelRequested(context, event);
      break;
    case "standingRequested":
      standingRequested(context, event);
      break;
    case "reduced":
      reduced(context, event);
      break;
    case "publishDone":
      publishDone(context, event);
      break;
    case "jobBroken":
      jobBroken(context, event);
      break;
    default:
      assertNever(event);
  }
}

/** Answers an event that came after the job's end. The state does not change. */
function answerAfterEnd(context: EventContext, event: JobEvent): void {
  const { state, effects } = context;
  switch (event.kind) {
    case "leaseRequested":
      effects.push({ kind: "noLease", worker: event.worker, why: "jobEnded", retryAtMs: null });
      return;
    case "heartbeat": {
      const leases = event.leases.map(({ token, shard }) => ({ token, shard, live: false }));
      effects.push({ kind: "heartbeatReply", worker: event.worker, leases });
      return;
    }
    case "partialOffered":
      answerOfferAfterEnd(context, event);
      break;
    case "attemptFailed":
    case "leaseReleased":
    case "standingRequested":
      effects.push({ kind: "refuse", reason: jobEndedReason(state) });
      return;
    case "cancelRequested":
      answerCancelAfterEnd(context);
      break;
    default:
      // Results of work that the job's end made void.
      return;
  }
}

/**
 * Answers an offer after the end. The files of a committed partial belong to the output: a repeated offer of
 * them is answered `committed`.
 */
function answerOfferAfterEnd(context: EventContext, { partial }: EventOf<"partialOffered">): void {
  if (isCommittedPartial(context.state, partial)) {
    resolveOffer(context, partial, { kind: "committed" });
    return;
  }
  refuseOffer(context, partial, jobEndedReason(context.state));
  discardLoser(context, partial);
}

function answerCancelAfterEnd(context: EventContext): void {
  const { state, effects } = context;
  assert(state.phase.kind !== "publishing", "a job that is publishing has not ended");
  if (state.phase.kind === "cancelled") {
    effects.push({ kind: "done" });
    return;
  }
  if (state.phase.kind === "failed") {
    effects.push({ kind: "refuse", reason: jobEndedReason(state) });
    return;
  }
  const message = "the job is published: it can no longer be cancelled";
  effects.push({ kind: "refuse", reason: { code: "CANCEL_TOO_LATE", message, fields: {} } });
}
