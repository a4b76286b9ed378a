import { isEnded } from "../../../shared/domain/job.ts";
import { cutReason, type DeadLetter } from "../../../shared/domain/partial.ts";
import { shardId, shardRows } from "../../../shared/domain/shard.ts";
import { type EventContext, recordDurably, wake } from "../state/effect.ts";
import type { JobState } from "../state/job-state.ts";
import { moveShard, type ShardMove } from "../state/moves.ts";
import type { AttemptEnd } from "../state/record.ts";
import { filePath, placeFields, placeOf } from "../state/shard-place.ts";
import type { ShardEntry } from "../state/shard-state.ts";
import { isUntriedSomewhere } from "./exclusion.ts";
import { failJob, failOverBudget, overBudget } from "./job-end.ts";
import { enqueue } from "./pending-queue.ts";
import { storeDelayMs } from "./store-delay.ts";

/**
 * Returns a shard without leases and offers to the queue, after its back-off. Judges it if its attempts are
 * used up.
 */
export function returnToPending(
  context: EventContext,
  entry: ShardEntry,
  move: ShardMove,
  end: AttemptEnd,
): void {
  const { state, nowMs } = context;
  const counted = end.kind === "failed" || end.kind === "lost" || end.kind === "rejected";
  const delayMs = counted ? retryDelayMs(state, entry) : storeDelayMs(state, entry);
  const notBeforeMs = nowMs + delayMs;
  moveShard(state, entry, move, { kind: "pending", sinceMs: nowMs, notBeforeMs });
  if (attemptsAreUsedUp(state, entry)) judge(context, entry);
  else {
    enqueue(state, entry);
    wake(context);
  }
}

/** Repeats decisions whose records a crash may have cut off. They follow from records on disk. */
export function resolveVerdicts(context: EventContext): void {
  const { state } = context;
  if (overBudget(state, 0)) failOverBudget(context, null);
  for (const entry of [...state.shards]) {
    if (isEnded(state.phase.kind)) return;
    if (entry.state.kind !== "pending") continue;
    if (tooOftenRevoked(state, entry)) failRevoked(context, entry);
    else if (attemptsAreUsedUp(state, entry)) judge(context, entry);
  }
}

/** Checks whether a commit was damaged repeatedly. Then the storage of the partials is unreliable. */
export function tooOftenRevoked({ config }: JobState, entry: ShardEntry): boolean {
  return entry.revocations >= config.maxAttempts;
}

export function failRevoked(context: EventContext, entry: ShardEntry): void {
  const { state } = context;
  const message = `${placeOf(state, entry)} was committed ${entry.revocations} times, and each partial was damaged later`;
  failJob(context, {
    code: "SHARD_FAILED",
    message,
    fields: { ...placeFields(state, entry), code: "PARTIAL_INVALID" },
  });
}

/**
 * Checks whether a shard's attempts are used up. Failures on one worker are not enough while another trusted
 * worker has not tried the shard. The first may be a bad node that takes every retry. {@link maxFailures} is
 * always enough, because other workers may never take the shard.
 */
function attemptsAreUsedUp(state: JobState, entry: ShardEntry): boolean {
  const { failures } = entry;
  const { maxAttempts } = state.config;
  if (failures.length < maxAttempts) return false;
  const onOne = failures.every(({ worker }) => worker === failures[0]?.worker);
  if (!onOne || failures.length >= maxFailures(state)) return true;
  return state.workerNames.size > 0 && !isUntriedSomewhere(state, entry);
}

/** Returns the number of counted failures that is always enough. */
export function maxFailures({ config }: JobState): number {
  return 2 * config.maxAttempts;
}

/**
 * Returns the back-off of a failed shard. It has no random part: the core is deterministic, and one
 * coordinator spreads its own grants.
 */
function retryDelayMs({ config }: JobState, entry: ShardEntry): number {
  const doublings = Math.min(30, Math.max(0, entry.failures.length - 1));
  return Math.min(config.retryBackoffMaxMs, config.retryBackoffMs * 2 ** doublings);
}

/**
 * Decides about a shard whose attempts are used up. If each of them crashed its worker, a row is the likely
 * cause. Then the shard is halved, down to that row. Any other failure fails the job.
 */
function judge(context: EventContext, entry: ShardEntry): void {
  const rows = shardRows(entry.shard);
  if (rows === 0 || !entry.failures.every(({ lostWorker }) => lostWorker)) failShard(context, entry);
  else if (rows > 1) splitShard(context, entry);
  else poisonRow(context, entry);
}

function splitShard(context: EventContext, entry: ShardEntry): void {
  const { state } = context;
  const { id, rowStart, rowEnd } = entry.shard;
  const atRow = rowStart + Math.floor((rowEnd - rowStart) / 2);
  const next = state.shards.length;
  recordDurably(context, { kind: "shardSplit", shard: id, atRow, into: [shardId(next), shardId(next + 1)] });
  for (const half of state.shards.slice(next)) {
    moveShard(state, half, "queued", { kind: "pending", sinceMs: context.nowMs, notBeforeMs: 0 });
    enqueue(state, half);
  }
  wake(context);
}

function poisonRow(context: EventContext, entry: ShardEntry): void {
  const { state } = context;
  const lostWorker = entry.failures.length;
  const { file, row } = state.rows.placeOf(entry.shard.rowStart);
  const deadLetter: DeadLetter = {
    file: filePath(state, file),
    row,
    stage: "worker",
    code: "ROW_POISON",
    message: cutReason(
      `${lostWorker} workers were lost on this row: ${entry.failures.at(-1)?.message ?? ""}`,
    ),
  };
  if (overBudget(state, 1)) {
    failOverBudget(context, deadLetter);
    return;
  }
  recordDurably(context, { kind: "rowDeadLettered", shard: entry.shard.id, deadLetter });
}

function failShard(context: EventContext, entry: ShardEntry): void {
  const { state } = context;
  const last = entry.failures.at(-1);
  const code = last?.code ?? "INTERNAL";
  const times = entry.failures.length === 1 ? "once" : `${entry.failures.length} times`;
  const message = `${placeOf(state, entry)} failed ${times}, last on ${last?.worker}: ${last?.message} (${code})`;
  failJob(context, { code: "SHARD_FAILED", message, fields: { ...placeFields(state, entry), code } });
}
