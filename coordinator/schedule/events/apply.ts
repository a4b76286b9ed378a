import { assertNever } from "../../../shared/core/assert.ts";
import type { JobEffect } from "../state/effect.ts";
import type { JobEvent } from "../state/event.ts";
import type { EventContext } from "../state/event-context.ts";
import type { JobState } from "../state/job-state.ts";
import { cellOf } from "../state/moves.ts";
import { answerAfterEnd } from "./after-end.ts";
import { cancelRequested, jobAccepted, jobBroken, planSealed, publishDone, reduced } from "./job-events.ts";
import { attemptFailed, leaseReleased, leaseRequested } from "./lease-events.ts";
import { partialOffered } from "./offer-events.ts";
import { partialDamaged, partialRejected, partialStored } from "./partial-events.ts";
import { tick } from "./tick.ts";
import { heartbeat, workerJoined, workerLost, workerRefused } from "./worker-events.ts";

/**
 * The core: what an event changes, and what must be done about it. Synchronous, total and deterministic;
 * `nowMs` is monotonic and never goes back.
 *
 * Law `record-before-answer`: the shell runs the effects of all events in one order, and nothing that follows
 * a durable append, of this event or of an earlier one, before that record is on disk.
 *
 * @throws an Error with the state, the event and the shard's history, when the event is impossible here (see
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
    case "jobAccepted":
      jobAccepted(context, event);
      break;
    case "planSealed":
      planSealed(context, event);
      break;
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
    case "cancelRequested":
      cancelRequested(context, event);
      break;
    case "partialDamaged":
      partialDamaged(context, event);
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
