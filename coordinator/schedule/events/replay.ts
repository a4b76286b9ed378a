import { messageOf, ShardmillError } from "../../../shared/core/errors.ts";
import { assertLaw } from "../../../shared/domain/laws.ts";
import { jobEnd } from "../policy/job-end.ts";
import { enqueue } from "../policy/pending-queue.ts";
import { resolveVerdicts } from "../policy/verdict.ts";
import type { ScheduleConfig } from "../state/config.ts";
import type { EventContext, JobEffect } from "../state/effect.ts";
import { evolve } from "../state/evolve.ts";
import { createJobState, type JobState } from "../state/job-state.ts";
import type { JournalRecord } from "../state/record.ts";
import { checkRestored, restore, type Snapshot } from "../state/snapshot.ts";

/**
 * Returns the job that its records describe, resumed by coordinator `generation`. Leased and committing
 * shards are pending again. Partials of earlier generations are still accepted. Without one, the rows are
 * mapped again.
 *
 * @param records records after the last snapshot
 * @param snapshots all snapshots, in order
 * @throws {JOURNAL_CORRUPT} when the records contradict each other
 */
export function replay(
  config: ScheduleConfig,
  records: Iterable<JournalRecord>,
  generation: number,
  snapshots: Iterable<Snapshot> = [],
): JobState {
  const state = createJobState(config, generation);
  for (const snapshot of snapshots) restore(state, snapshot);
  checkRestored(state);
  let at = 0;
  for (const record of records) {
    try {
      evolve(state, record);
    } catch (cause) {
      throw new ShardmillError(
        "JOURNAL_CORRUPT",
        `record ${at} of the journal contradicts the previous records: ${messageOf(cause)}`,
        {
          fields: { record: at, kind: record.kind },
          cause,
          hint: "start the job over with --fresh",
        },
      );
    }
    at += 1;
  }
  const { lastToken } = state;
  assertLaw(
    "tokens-grow",
    lastToken === null || lastToken.generation < generation,
    "a new coordinator is a new generation",
  );
  for (const entry of state.shards) if (entry.state.kind === "pending") enqueue(state, entry);
  return state;
}

/**
 * Returns the effects that continue a replayed job. They are decisions whose record a crash cut off, and the
 * work of the job's phase. Must be called once, before the first event.
 */
export function resumeEffects(state: JobState): JobEffect[] {
  const context: EventContext = { state, nowMs: 0, effects: [] };
  if (state.phase.kind === "running" || state.phase.kind === "reducing") resolveVerdicts(context);
  const { phase } = state;
  switch (phase.kind) {
    case "planning":
    case "running":
      break;
    case "reducing":
      context.effects.push({ kind: "startReduce" });
      break;
    case "publishing":
      context.effects.push({ kind: "publish", outputDigest: phase.outputDigest });
      break;
    default:
      if (!context.effects.some(({ kind }) => kind === "jobEnded")) context.effects.push(jobEnd(state));
  }
  return context.effects;
}
