import { assertNever } from "../../../shared/core/assert.ts";
import type { JobEffect } from "../state/effect.ts";
import type { JobEvent } from "../state/event.ts";
import type { Turn } from "../state/event-context.ts";
import type { JobState } from "../state/job-state.ts";
import { cellOf } from "../state/moves.ts";
import { attemptFailed, leaseReleased } from "./attempt-events.ts";
import { cancelRequested, jobBroken, partialDamaged, publishDone, reduced } from "./end-events.ts";
import { answerLate } from "./late-answers.ts";
import { leaseRequested } from "./lease-request.ts";
import { partialOffered } from "./offer-events.ts";
import { jobAccepted, planSealed } from "./plan-events.ts";
import { tick } from "./tick.ts";
import { partialRejected, partialStored } from "./verified-events.ts";
import { heartbeat, workerJoined, workerLost, workerRefused } from "./worker-events.ts";

/**
 * The core: what an event changes, and what must be done about it. Synchronous, total and deterministic;
 * `nowMs` is monotonic and never goes back.
 *
 * Law: the shell runs the effects of all events in one order, and nothing that follows a durable append, of
 * this event or of an earlier one, before that record is on disk.
 *
 * @throws an Error with the state, the event and the shard's story, when the event is impossible here (see
 * table.ts)
 */
export function applyEvent(state: JobState, nowMs: number, event: JobEvent): JobEffect[] {
  const turn: Turn = { state, nowMs, effects: [] };
  const before = state.phase;
  if (cellOf(state, event) === "late") answerLate(turn, event);
  else act(turn, event);
  if (state.phase === "reducing" && before !== "reducing") turn.effects.push({ kind: "startReduce" });
  return turn.effects;
}

function act(turn: Turn, event: JobEvent): void {
  switch (event.kind) {
    case "jobAccepted":
      jobAccepted(turn, event);
      break;
    case "planSealed":
      planSealed(turn, event);
      break;
    case "workerJoined":
      workerJoined(turn, event);
      break;
    case "workerLost":
      workerLost(turn, event);
      break;
    case "workerRefused":
      workerRefused(turn, event);
      break;
    case "leaseRequested":
      leaseRequested(turn, event);
      break;
    case "heartbeat":
      heartbeat(turn, event);
      break;
    case "partialOffered":
      partialOffered(turn, event);
      break;
    case "partialStored":
      partialStored(turn, event);
      break;
    case "partialRejected":
      partialRejected(turn, event);
      break;
    case "attemptFailed":
      attemptFailed(turn, event);
      break;
    case "leaseReleased":
      leaseReleased(turn, event);
      break;
    case "tick":
      tick(turn);
      break;
    case "cancelRequested":
      cancelRequested(turn, event);
      break;
    case "partialDamaged":
      partialDamaged(turn, event);
      break;
    case "reduced":
      reduced(turn, event);
      break;
    case "publishDone":
      publishDone(turn, event);
      break;
    case "jobBroken":
      jobBroken(turn, event);
      break;
    default:
      assertNever(event);
  }
}
