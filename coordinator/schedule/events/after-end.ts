import { assert } from "../../../shared/core/assert.ts";
import { discardLoser, isCommittedPartial, refuseOffer, settleOffer } from "../policy/answers.ts";
import { jobEndedReason } from "../policy/job-end.ts";
import type { EventOf, JobEvent } from "../state/event.ts";
import type { EventContext } from "../state/event-context.ts";

/** What came after the job's end is answered, and changes nothing. */
export function answerAfterEnd(context: EventContext, event: JobEvent): void {
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
      effects.push({ kind: "refuse", reason: jobEndedReason(state) });
      return;
    case "cancelRequested":
      answerCancelAfterEnd(context);
      break;
    default:
      // Answers to work that the job's end made void.
      return;
  }
}

/** The files of a committed partial are the output's: whoever offers them again is told so, and they stay. */
function answerOfferAfterEnd(context: EventContext, { partial }: EventOf<"partialOffered">): void {
  if (isCommittedPartial(context.state, partial)) {
    settleOffer(context, partial, { kind: "committed" });
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
