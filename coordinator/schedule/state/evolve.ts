import { assert, assertNever } from "../../../shared/core/assert.ts";
import { DatasetRows } from "../../../shared/domain/dataset-rows.ts";
import { isEnded } from "../../../shared/domain/job.ts";
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
import type { JournalRecord } from "./record.ts";

/**
 * Applies a record to the durable facts: the only code that changes them, live and in replay.
 *
 * Law `replay-is-the-state`: a record that is applied twice in a row changes nothing the second time. A
 * record that contradicts the state throws.
 */
export function evolve(state: JobState, record: JournalRecord): void {
  if (isEnded(state.phase)) assertAllowedAfterEnd(state, record);
  switch (record.kind) {
    case "generationStarted":
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
      if (state.phase === "reducing" && openShards(state) > 0) state.phase = "running";
      return;
    case "publishIntent":
      evolveIntent(state, record.outputDigest);
      break;
    case "published":
      evolvePublished(state, record.outputDigest);
      return;
    case "jobCancelled":
      assertLaw(
        "cancelled-or-published",
        state.phase !== "publishing",
        "it comes before the intent to publish",
      );
      state.phase = "cancelled";
      state.failure ??= { code: "JOB_CANCELLED", message: record.reason, fields: {} };
      return;
    case "jobFailed":
      state.phase = "failed";
      state.failure ??= record.reason;
      return;
    case "jobRevived":
      evolveRevived(state, record.jobId);
      break;
    default:
      assertNever(record);
  }
}

const TERMINAL = { published: "published", jobCancelled: "cancelled", jobFailed: "failed" } as const;

function assertAllowedAfterEnd(state: JobState, record: JournalRecord): void {
  if (record.kind === "generationStarted" || record.kind === "attemptEnded") return;
  if (record.kind === "jobRevived" && state.phase !== "published") return;
  const again = record.kind in TERMINAL && TERMINAL[record.kind as keyof typeof TERMINAL] === state.phase;
  assertLaw("ends-are-final", again, `${record.kind} after the job is ${state.phase}`);
}

function evolveAccepted(state: JobState, record: Extract<JournalRecord, { kind: "jobAccepted" }>): void {
  assert(state.jobId === null || state.jobId === record.jobId, "a journal is of one job");
  state.jobId = record.jobId;
  state.name = record.name;
  state.digests = record.digests;
}

function evolveSealed(state: JobState, record: Extract<JournalRecord, { kind: "planSealed" }>): void {
  if (state.phase !== "planning") {
    assert(state.shards.length >= record.shards.length, "a plan is sealed once");
    return;
  }
  assert(state.jobId !== null, "a job is accepted before its plan is sealed");
  state.files = record.files.map(([path]) => path);
  state.rows = new DatasetRows(
    record.files.map(([, rows]) => rows),
    (record.pruned ?? []).map(([file, rowStart, rowEnd]) => ({ file, rowStart, rowEnd })),
  );
  let lastRow = 0;
  for (const [rowStart, rowEnd] of record.shards) {
    const shard = { id: shardId(state.shards.length), rowStart, rowEnd };
    assertLaw(
      "shards-partition",
      rowStart === lastRow && rowEnd >= rowStart,
      `shard ${shard.id} follows its elder`,
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
  state.phase = "running";
  reduceWhenDone(state);
}

function evolvePublished(state: JobState, outputDigest: string): void {
  assertLaw("published-once", state.outputDigest === outputDigest, "what was published is what was intended");
  state.phase = "published";
}

function evolveIntent(state: JobState, outputDigest: string): void {
  assertLaw(
    "every-row-once",
    openShards(state) === 0 && state.phase !== "planning",
    "only a job without open shards is published",
  );
  assertLaw(
    "published-once",
    state.outputDigest === null || state.outputDigest === outputDigest,
    "one intent to publish",
  );
  state.outputDigest = outputDigest;
  state.phase = "publishing";
}

/**
 * Another run begins where the failed or cancelled one stopped: commits, splits and the intent to publish
 * stay.
 */
function evolveRevived(state: JobState, jobId: string): void {
  if (state.jobId === jobId) return;
  assert(
    state.phase === "failed" || state.phase === "cancelled",
    `a job that is ${state.phase} needs no other run`,
  );
  state.jobId = jobId;
  state.failure = null;
  for (const entry of state.shards) {
    entry.failures = [];
    entry.revocations = 0;
  }
  if (state.outputDigest !== null) state.phase = "publishing";
  else state.phase = state.shards.length === 0 ? "planning" : "running";
  reduceWhenDone(state);
}

function reduceWhenDone(state: JobState): void {
  if (state.phase === "running" && openShards(state) === 0) state.phase = "reducing";
}
