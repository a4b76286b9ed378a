import { assert, assertNever } from "../../../shared/core/assert.ts";
import type { Digest } from "../../../shared/core/digest.ts";
import { DatasetRows, type FileSlice } from "../../../shared/domain/dataset-rows.ts";
import { isEnded } from "../../../shared/domain/job.ts";
import type { JobId } from "../../../shared/domain/job-id.ts";
import { assertLaw } from "../../../shared/domain/laws.ts";
import { shardId } from "../../../shared/domain/shard.ts";
import {
  endAttempt,
  evolveCommitted,
  evolveDeadLettered,
  evolveGranted,
  evolveRevoked,
  evolveSplit,
} from "./evolve-shard.ts";
import { addShard, type JobState, openShards } from "./job-state.ts";
import { moveJob } from "./moves.ts";
import type { FailureReason, JournalRecord, RecordedSlice, RecordOf } from "./record.ts";

/**
 * Applies a record to the durable facts. No other code changes them, neither live nor in a replay.
 *
 * Law `replay-is-the-state`: a record that is applied twice in a row changes nothing the second time. A
 * record that contradicts the state throws.
 */
export function evolve(state: JobState, record: JournalRecord): void {
  if (isEnded(state.phase.kind)) assertAllowedAfterEnd(state, record);
  switch (record.kind) {
    case "generationStarted":
      // Committed rows keep their mapping, and the other rows must be mapped alike.
      if (state.counts.committed === 0) state.mapping = record.mapping;
      return;
    case "jobAccepted":
      evolveAccepted(state, record);
      break;
    case "planSealed":
      evolveSealed(state, record);
      break;
    case "leaseGranted":
      evolveGranted(state, record);
      break;
    case "attemptEnded":
      endAttempt(state, record);
      break;
    case "shardCommitted":
      evolveCommitted(state, record.partial);
      reduceWhenDone(state);
      break;
    case "shardSplit":
      evolveSplit(state, record);
      break;
    case "rowDeadLettered":
      evolveDeadLettered(state, record);
      reduceWhenDone(state);
      break;
    case "shardRevoked":
      evolveRevoked(state, record);
      if (state.phase.kind === "reducing" && openShards(state) > 0)
        moveJob(state, "shardRevoked", { kind: "running" });
      break;
    case "publishIntent":
      evolveIntent(state, record.outputDigest);
      break;
    case "published":
      evolvePublished(state, record.outputDigest);
      break;
    case "jobCancelled":
      evolveCancelled(state, record.reason);
      break;
    case "jobFailed":
      evolveFailed(state, record.reason);
      break;
    case "jobRevived":
      evolveRevived(state, record.jobId);
      break;
    case "standingChanged":
      state.standing = { priority: record.priority, paused: record.paused };
      break;
    default:
      assertNever(record);
  }
}

const TERMINAL = { published: "published", jobCancelled: "cancelled", jobFailed: "failed" } as const;

function assertAllowedAfterEnd(state: JobState, record: JournalRecord): void {
  if (record.kind === "generationStarted" || record.kind === "attemptEnded") return;
  const { kind } = state.phase;
  if (record.kind === "jobRevived" && kind !== "published") return;
  const again = record.kind in TERMINAL && TERMINAL[record.kind as keyof typeof TERMINAL] === kind;
  assertLaw("ends-are-final", again, `${record.kind} after the job is ${kind}`);
}

function evolveAccepted(state: JobState, record: RecordOf<"jobAccepted">): void {
  const { jobId, name, digests } = record;
  assert(state.accepted === null || state.accepted.jobId === jobId, "a journal is of one job");
  state.accepted = { jobId, name, digests };
}

function evolveSealed(state: JobState, record: RecordOf<"planSealed">): void {
  if (state.phase.kind !== "planning") {
    assert(state.shards.length >= record.shards.length, "a plan is sealed once");
    return;
  }
  assert(state.accepted !== null, "a job is accepted before its plan is sealed");
  state.files = record.files.map(([path]) => path);
  state.rows = new DatasetRows(
    record.files.map(([, rows]) => rows),
    (record.pruned ?? []).map(sliceOf),
    (record.skipped ?? []).map(sliceOf),
  );
  let lastRow = 0;
  for (const [rowStart, rowEnd] of record.shards) {
    const shard = { id: shardId(state.shards.length), rowStart, rowEnd };
    assertLaw(
      "shards-partition",
      rowStart === lastRow && rowEnd >= rowStart,
      `shard ${shard.id} follows the previous shard`,
    );
    lastRow = rowEnd;
    addShard(state, shard, null);
  }
  assertLaw(
    "shards-partition",
    lastRow === state.rows.total,
    `the shards cover the ${state.rows.total} rows, found ${lastRow}`,
  );
  state.totals.rows = lastRow;
  moveJob(state, "planSealed", { kind: "running" });
  reduceWhenDone(state);
}

function sliceOf([file, rowStart, rowEnd]: RecordedSlice): FileSlice {
  return { file, rowStart, rowEnd };
}

function evolveIntent(state: JobState, outputDigest: Digest): void {
  const { phase } = state;
  if (phase.kind === "publishing") {
    assertLaw("published-once", phase.outputDigest === outputDigest, "one intent to publish");
    return;
  }
  assertLaw("every-row-once", openShards(state) === 0, "only a job without open shards is published");
  moveJob(state, "publishIntent", { kind: "publishing", outputDigest });
}

function evolvePublished(state: JobState, outputDigest: Digest): void {
  const { phase } = state;
  const isIntended = "outputDigest" in phase && phase.outputDigest === outputDigest;
  assertLaw("published-once", isIntended, "what was published is what was intended");
  if (phase.kind === "publishing") moveJob(state, "published", { kind: "published", outputDigest });
}

function evolveCancelled(state: JobState, reason: string): void {
  const { kind } = state.phase;
  assertLaw(
    "cancelled-or-published",
    kind !== "publishing",
    "a job is cancelled only before the intent to publish",
  );
  if (kind === "cancelled") return;
  const why = { code: "JOB_CANCELLED", message: reason, fields: {} } as const;
  moveJob(state, "cancelled", { kind: "cancelled", reason: why });
}

function evolveFailed(state: JobState, reason: FailureReason): void {
  const { phase } = state;
  if (phase.kind === "failed") return;
  const intent = phase.kind === "publishing" ? phase.outputDigest : null;
  moveJob(state, "failed", { kind: "failed", reason, intent });
}

/**
 * Starts another run where the failed or cancelled one stopped. Commits, splits and the intent to publish
 * stay.
 */
function evolveRevived(state: JobState, jobId: JobId): void {
  const { accepted, phase } = state;
  assert(accepted !== null, "a job is accepted before another run of it");
  if (accepted.jobId === jobId) return;
  state.accepted = { ...accepted, jobId };
  // A user who restarts a job wants it to run.
  state.standing = { ...state.standing, paused: false };
  for (const entry of state.shards) {
    entry.failures = [];
    entry.revocations = 0;
  }
  const intent = phase.kind === "failed" ? phase.intent : null;
  if (intent !== null) moveJob(state, "revived", { kind: "publishing", outputDigest: intent });
  else moveJob(state, "revived", { kind: state.shards.length === 0 ? "planning" : "running" });
  reduceWhenDone(state);
}

function reduceWhenDone(state: JobState): void {
  if (state.phase.kind === "running" && openShards(state) === 0)
    moveJob(state, "lastShardDone", { kind: "reducing" });
}
