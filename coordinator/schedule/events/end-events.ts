import { assert } from "../../../shared/core/assert.ts";
import { strike } from "../policy/exclusion.ts";
import { closeJob, failJob } from "../policy/job-end.ts";
import { enqueue } from "../policy/pending-queue.ts";
import { failRevoked, tooOftenRevoked } from "../policy/verdict.ts";
import type { EventOf } from "../state/event.ts";
import { recordDurably, type Turn, wake } from "../state/event-context.ts";
import { findAttempt } from "../state/evolve-shard.ts";
import { setShardState } from "../state/job-state.ts";

/**
 * Durable before it takes effect; too late once the intent to publish is on record: never both cancelled and
 * published.
 */
export function cancelRequested(turn: Turn, { reason }: EventOf<"cancelRequested">): void {
  if (turn.state.phase === "publishing") {
    const message = "the job is being published: it can no longer be cancelled";
    turn.effects.push({ kind: "refuse", reason: { code: "CANCEL_TOO_LATE", message, fields: {} } });
    return;
  }
  recordDurably(turn, { kind: "jobCancelled", reason });
  turn.effects.push({ kind: "done" });
  closeJob(turn);
}

/**
 * The shard is mapped again. A report about another partial than the committed one is old, and changes
 * nothing.
 */
export function partialDamaged(turn: Turn, { shard, digest, reason }: EventOf<"partialDamaged">): void {
  const { state } = turn;
  const entry = state.shards[shard];
  if (entry?.state.kind !== "committed" || entry.state.partial.digest !== digest) return;
  const { token } = entry.state.partial;
  recordDurably(turn, { kind: "shardRevoked", shard, digest, reason });
  strike(turn, findAttempt(entry, token)?.worker ?? "", [entry]);
  if (tooOftenRevoked(state, entry)) {
    failRevoked(turn, entry);
    return;
  }
  setShardState(state, entry, { kind: "pending", sinceMs: turn.nowMs, notBeforeMs: 0 });
  enqueue(state, entry);
  wake(turn);
}

export function reduced(turn: Turn, { outputDigest }: EventOf<"reduced">): void {
  recordDurably(turn, { kind: "publishIntent", outputDigest });
  turn.effects.push({ kind: "publish", outputDigest });
}

export function publishDone(turn: Turn, { outputDigest }: EventOf<"publishDone">): void {
  assert(outputDigest === turn.state.outputDigest, "I5: what was published is what was intended");
  recordDurably(turn, { kind: "published", outputDigest });
  closeJob(turn);
}

export function jobBroken(turn: Turn, { reason }: EventOf<"jobBroken">): void {
  failJob(turn, reason);
}
