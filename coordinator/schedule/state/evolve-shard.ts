import { assert, present } from "../../../shared/core/assert.ts";
import { assertLaw } from "../../../shared/domain/laws.ts";
import type { PartialManifest } from "../../../shared/domain/partial.ts";
import { ROW_COUNTS, RUN_COUNTS, rowCountsFault } from "../../../shared/domain/row-counts.ts";
import { type ShardId, shardId, shardRows } from "../../../shared/domain/shard.ts";
import { compareTokens, type Token, tokenKey } from "../../../shared/domain/token.ts";
import { addShard, type JobState, type Totals } from "./job-state.ts";
import { moveShard } from "./moves.ts";
import { committedShard } from "./packed-commit.ts";
import type { AttemptEnd, RecordOf } from "./record.ts";
import { historyOf, placeOf } from "./shard-place.ts";
import {
  type AttemptEntry,
  type CountedFailure,
  isOpen,
  MAX_ATTEMPTS_KEPT,
  type ShardEntry,
  type ShardState,
} from "./shard-state.ts";

/** Pending state without real times, which the move `queued` sets. */
const PENDING: ShardState = { kind: "pending", sinceMs: 0, notBeforeMs: 0 };

function entryOf(state: JobState, id: ShardId): ShardEntry {
  return present(state.shards[id], `shard ${id} is of the plan`);
}

export function evolveGranted(state: JobState, record: RecordOf<"leaseGranted">): void {
  const entry = entryOf(state, record.shard);
  const { token, worker, backup } = record;
  if (findAttempt(entry, token) !== undefined) return;
  const { lastToken } = state;
  assertLaw(
    "tokens-grow",
    lastToken === null || compareTokens(token, lastToken) > 0,
    `token ${tokenKey(token)} is new`,
  );
  state.totals.attempts += 1;
  keepAttempt(state, entry, { token, worker, backup, end: null });
}

/** Records how an attempt ended. The first end stays, but a late partial may still be rejected. */
export function endAttempt(
  state: JobState,
  record: Pick<RecordOf<"attemptEnded">, "shard" | "token" | "worker" | "end">,
): void {
  const { token, worker, end } = record;
  const entry = entryOf(state, record.shard);
  const before = findAttempt(entry, token);
  if (before !== undefined && !mayEnd(before.end, end)) return;
  keepAttempt(state, entry, { token, worker, backup: before?.backup ?? false, end });
  const failure = before?.end?.kind === "lost" ? null : countedFailure(worker, end);
  if (failure === null) return;
  state.totals.attemptsFailed += 1;
  entry.failures = [...entry.failures, failure];
}

export function evolveCommitted(state: JobState, partial: PartialManifest): void {
  const entry = entryOf(state, partial.shard);
  if (entry.state.kind === "committed") {
    const same = entry.state.partial.executionId === partial.executionId;
    assertLaw("first-commit-wins", same, `one commit a shard; ${historyOf(state, entry)}`);
    return;
  }
  const fault = rowCountsFault(partial, shardRows(entry.shard));
  assertLaw("every-row-once", fault === null, `a commit accounts for ${placeOf(state, entry)}: ${fault}`);
  seeToken(state, partial.token);
  moveShard(state, entry, "stored", committedShard(partial, state.layouts));
  addCounts(state.totals, partial, 1);
}

function addCounts(totals: Totals, partial: PartialManifest, sign: 1 | -1): void {
  totals.rowsCommitted += sign * partial.rowsIn;
  totals.deadLetters += sign * partial.rowsDeadLettered;
  for (const name of RUN_COUNTS) totals[ROW_COUNTS[name].run.total] += sign * partial[name];
}

export function evolveSplit(state: JobState, record: RecordOf<"shardSplit">): void {
  const entry = entryOf(state, record.shard);
  if (entry.state.kind === "split") return;
  const { atRow, into } = record;
  const { rowStart, rowEnd } = entry.shard;
  assertLaw(
    "shards-partition",
    rowStart < atRow && atRow < rowEnd,
    `row ${atRow} is inside ${placeOf(state, entry)}`,
  );
  assert(into[0] === state.shards.length && into[1] === into[0] + 1, "halves take the next free numbers");
  moveShard(state, entry, "splitUp", { kind: "split", atRow, into });
  addShard(state, { id: shardId(into[0]), rowStart, rowEnd: atRow }, entry.shard.id);
  addShard(state, { id: shardId(into[1]), rowStart: atRow, rowEnd }, entry.shard.id);
}

export function evolveDeadLettered(state: JobState, record: RecordOf<"rowDeadLettered">): void {
  const entry = entryOf(state, record.shard);
  if (entry.state.kind === "poisoned") return;
  assert(shardRows(entry.shard) === 1, `only a single row is a dead letter; ${placeOf(state, entry)}`);
  moveShard(state, entry, "poisoned", { kind: "poisoned", deadLetter: record.deadLetter });
  state.totals.deadLetters += 1;
}

export function evolveRevoked(state: JobState, record: RecordOf<"shardRevoked">): void {
  const entry = entryOf(state, record.shard);
  if (entry.state.kind !== "committed" || entry.state.partial.digest !== record.digest) return;
  const { partial } = entry.state;
  moveShard(state, entry, "revoked", PENDING);
  addCounts(state.totals, partial, -1);
  entry.revocations += 1;
  entry.failures = [];
  const known = findAttempt(entry, partial.token);
  const end: AttemptEnd = { kind: "rejected", code: "PARTIAL_INVALID", message: record.reason };
  const { token } = partial;
  keepAttempt(state, entry, { token, worker: known?.worker ?? "", backup: known?.backup ?? false, end });
}

export function findAttempt(entry: ShardEntry, token: Token): AttemptEntry | undefined {
  return entry.attempts.find((attempt) => compareTokens(attempt.token, token) === 0);
}

function mayEnd(before: AttemptEnd | null, end: AttemptEnd): boolean {
  if (before === null) return true;
  const late = before.kind === "expired" || before.kind === "lost";
  return late && (end.kind === "rejected" || end.kind === "superseded");
}

function countedFailure(worker: string, end: AttemptEnd): CountedFailure | null {
  switch (end.kind) {
    case "failed":
    case "rejected":
      return { worker, lostWorker: false, code: end.code, message: end.message };
    case "lost":
      return { worker, lostWorker: true, code: "WORKER_LOST", message: end.message };
    default:
      return null;
  }
}

/** Adds or replaces an attempt, in token order. Over the limit, the oldest ended attempt is dropped. */
function keepAttempt(state: JobState, entry: ShardEntry, attempt: AttemptEntry): void {
  seeToken(state, attempt.token);
  // Saves memory: most of the hundreds of thousands of shards have one attempt. A list that never grew holds
  // no spare capacity.
  if (entry.attempts.length === 0) {
    entry.attempts = [attempt];
    return;
  }
  const others = entry.attempts.filter(({ token }) => compareTokens(token, attempt.token) !== 0);
  const attempts = [...others, attempt].sort((a, b) => compareTokens(a.token, b.token));
  if (attempts.length > MAX_ATTEMPTS_KEPT) {
    const open = (end: AttemptEnd | null) => end === null && isOpen(entry.state.kind);
    const oldest = Math.max(
      0,
      attempts.findIndex(({ end }) => !open(end)),
    );
    const [forgotten] = attempts.splice(oldest, 1);
    if (forgotten !== undefined) forgetToken(entry, forgotten.token);
  }
  entry.attempts = attempts;
}

function forgetToken(entry: ShardEntry, token: Token): void {
  const { forgottenUpTo } = entry;
  if (forgottenUpTo === null || compareTokens(token, forgottenUpTo) > 0) entry.forgottenUpTo = token;
}

function seeToken(state: JobState, token: Token): void {
  if (state.lastToken === null || compareTokens(token, state.lastToken) > 0) state.lastToken = token;
}
