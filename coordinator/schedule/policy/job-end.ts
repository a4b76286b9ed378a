import { assert } from "../../../shared/core/assert.ts";
import { isEnded } from "../../../shared/domain/job.ts";
import type { DeadLetter } from "../../../shared/domain/partial.ts";
import { compareShards, type Shard } from "../../../shared/domain/shard.ts";
import { type EventContext, type JobEffect, recordDurably, recordSoon } from "../state/effect.ts";
import { detachLease, type JobState, unhappyEnd } from "../state/job-state.ts";
import { moveShard } from "../state/moves.ts";
import type { FailureReason } from "../state/record.ts";
import { offersOf, type ShardEntry } from "../state/shard-state.ts";
import { discardLoser, refuseOffer } from "./answers.ts";

/** Fails the job permanently. Does nothing when the job has ended. */
export function failJob(context: EventContext, reason: FailureReason): void {
  if (isEnded(context.state.phase.kind)) return;
  recordDurably(context, { kind: "jobFailed", reason });
  closeJob(context);
}

/** Closes a job after the record of its end: ends every lease, answers every offer, and reports the end. */
export function closeJob(context: EventContext): void {
  const { state } = context;
  assert(isEnded(state.phase.kind), "only an ended job is closed");
  const touched = new Set<ShardEntry>();
  for (const lease of [...state.leases.values()]) {
    const { entry, token, workerName: worker } = lease;
    touched.add(entry);
    detachLease(state, lease);
    recordSoon(context, {
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
      refuseOffer(context, partial, jobEndedReason(state));
      discardLoser(context, partial);
    }
  }
  for (const entry of touched) {
    moveShard(state, entry, "jobEnded", { kind: "pending", sinceMs: context.nowMs, notBeforeMs: 0 });
  }
  context.effects.push(jobEnd(state));
}

export function jobEnd(state: JobState): JobEffect {
  const { kind: phase } = state.phase;
  assert(phase === "published" || phase === "failed" || phase === "cancelled", "the job has ended");
  return { kind: "jobEnded", phase, reason: unhappyEnd(state) };
}

export function jobEndedReason({ phase: { kind: phase } }: JobState): FailureReason {
  return { code: "JOB_ENDED", message: `the job is ${phase}`, fields: { phase } };
}

/** Checks whether `more` additional dead letters would exceed the limit. */
export function overBudget({ totals, config }: JobState, more: number): boolean {
  return totals.deadLetters + more > config.maxDeadLetters;
}

const OVER_BUDGET_HINT =
  "raise errors.maxRows and run again to resume, or repair the rows: `fill` replaces nulls, and `shardmill try JOB --row FILE:ROW` shows a row";

/** Fails the job, and names a row in its reason: `deadLetter`, or the first dead letter in plan order. */
export function failOverBudget(context: EventContext, deadLetter: DeadLetter | null): void {
  const { state } = context;
  const { maxDeadLetters } = state.config;
  const deadLetters = state.totals.deadLetters + (deadLetter === null ? 0 : 1);
  const first = deadLetter ?? firstDeadLetterOf(state);
  const allowed = maxDeadLetters === 0 ? "none is allowed" : `${maxDeadLetters} are allowed`;
  const example =
    first === null
      ? ""
      : `: ${first.file} row ${first.row}, counted from 0: ${first.message} (${first.code})`;
  const place =
    first === null ? {} : { file: first.file, row: first.row, stage: first.stage, code: first.code };
  failJob(context, {
    code: "ERROR_BUDGET_EXCEEDED",
    message: `${deadLetters} ${deadLetters === 1 ? "row" : "rows"} could not be mapped and ${allowed}${example}`,
    fields: { deadLetters, maxDeadLetters, ...place },
    hint: OVER_BUDGET_HINT,
  });
}

/** Visits every shard, which only a failing job can afford. */
function firstDeadLetterOf(state: JobState): DeadLetter | null {
  let first: { shard: Shard; letter: DeadLetter } | null = null;
  for (const entry of state.shards) {
    const letter = deadLetterOf(entry);
    if (letter === null) continue;
    if (first === null || compareShards(entry.shard, first.shard) < 0) first = { shard: entry.shard, letter };
  }
  return first?.letter ?? null;
}

function deadLetterOf({ state }: ShardEntry): DeadLetter | null {
  if (state.kind === "poisoned") return state.deadLetter;
  return state.kind === "committed" ? state.partial.firstDeadLetter : null;
}
