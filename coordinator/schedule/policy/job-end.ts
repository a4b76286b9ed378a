import { assert } from "../../../shared/core/assert.ts";
import { isEnded } from "../../../shared/domain/job.ts";
import type { JobEffect } from "../state/effect.ts";
import { recordDurably, recordSoon, type Turn } from "../state/event-context.ts";
import type { JobState } from "../state/job-state.ts";
import { detachLease } from "../state/lease-index.ts";
import { moveShard } from "../state/moves.ts";
import type { FailureReason } from "../state/record.ts";
import { offersOf, type ShardEntry } from "../state/shard-state.ts";
import { discardLoser, refuseOffer } from "./offer-answers.ts";

/** Fails the job for good. Nothing when it has ended already. */
export function failJob(turn: Turn, reason: FailureReason): void {
  if (isEnded(turn.state.phase)) return;
  recordDurably(turn, { kind: "jobFailed", reason });
  closeJob(turn);
}

/**
 * After the record that ended the job: takes back every lease, answers every offer, and says how it ended.
 */
export function closeJob(turn: Turn): void {
  const { state } = turn;
  assert(isEnded(state.phase), "only an ended job is closed");
  const touched = new Set<ShardEntry>();
  for (const lease of [...state.leases.values()]) {
    const { entry, token, workerName: worker } = lease;
    touched.add(entry);
    detachLease(state, lease);
    recordSoon(turn, {
      kind: "attemptEnded",
      shard: entry.shard.id,
      token,
      worker,
      end: { kind: "superseded" },
    });
  }
  for (const entry of state.committing) {
    touched.add(entry);
    for (const { partial } of offersOf(entry.state)) {
      refuseOffer(turn, partial, jobEndedReason(state));
      discardLoser(turn, partial);
    }
  }
  for (const entry of touched) {
    moveShard(state, entry, "jobEnded", { kind: "pending", sinceMs: turn.nowMs, notBeforeMs: 0 });
  }
  turn.effects.push(jobEnd(state));
}

export function jobEnd({ phase, failure }: JobState): JobEffect {
  assert(phase === "published" || phase === "failed" || phase === "cancelled", "the job has ended");
  assert(phase !== "published" || failure === null, "I14: what is published has not failed");
  return { kind: "jobEnded", phase, reason: failure };
}

export function jobEndedReason({ phase }: JobState): FailureReason {
  return { code: "JOB_ENDED", message: `the job is ${phase}`, fields: { phase } };
}
