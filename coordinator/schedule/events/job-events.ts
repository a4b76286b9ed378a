import { assert } from "../../../shared/core/assert.ts";
import type { FileSlice } from "../../../shared/domain/dataset-rows.ts";
import { closeJob, failJob } from "../policy/job-end.ts";
import { enqueue } from "../policy/pending-queue.ts";
import { type EventContext, recordDurably, wake } from "../state/effect.ts";
import type { EventOf } from "../state/event.ts";
import type { RecordedSlice } from "../state/record.ts";

export function jobAccepted(context: EventContext, event: EventOf<"jobAccepted">): void {
  const { jobId, name, digests } = event;
  assert(context.state.accepted === null, "a job is accepted once");
  recordDurably(context, { kind: "jobAccepted", jobId, name, digests });
}

export function planSealed(context: EventContext, event: EventOf<"planSealed">): void {
  const { files, pruned = [], skipped = [], pins = [], shards } = event;
  assert(
    shards.every((shard, index) => shard.id === index),
    "a shard's id is its place in the plan",
  );
  recordDurably(context, {
    kind: "planSealed",
    files: files.map(({ path, rows, lists }) => (lists === undefined ? [path, rows] : [path, rows, lists])),
    ...(pruned.length === 0 ? {} : { pruned: pruned.map(recorded) }),
    ...(skipped.length === 0 ? {} : { skipped: skipped.map(recorded) }),
    ...(pins.length === 0 ? {} : { pins }),
    shards: shards.map(({ rowStart, rowEnd }) => [rowStart, rowEnd]),
  });
  for (const entry of context.state.shards) enqueue(context.state, entry);
  wake(context);
}

function recorded({ file, rowStart, rowEnd }: FileSlice): RecordedSlice {
  return [file, rowStart, rowEnd];
}

/**
 * Cancels the job. The record is durable before the cancellation takes effect. It is too late once the intent
 * to publish is recorded, so a job is never both cancelled and published.
 */
export function cancelRequested(context: EventContext, { reason }: EventOf<"cancelRequested">): void {
  if (context.state.phase.kind === "publishing") {
    const message = "the job is being published: it can no longer be cancelled";
    context.effects.push({ kind: "refuse", reason: { code: "CANCEL_TOO_LATE", message, fields: {} } });
    return;
  }
  recordDurably(context, { kind: "jobCancelled", reason });
  context.effects.push({ kind: "done" });
  closeJob(context);
}

/**
 * Changes priority and pause. The record is durable before the change takes effect. A change to the same
 * values writes no record. It is too late to pause once all shards are done: the rest needs no workers.
 */
export function standingRequested(context: EventContext, { change }: EventOf<"standingRequested">): void {
  const { state, effects } = context;
  const { priority, paused } = { ...state.standing, ...change };
  if (change.paused === true && (state.phase.kind === "reducing" || state.phase.kind === "publishing")) {
    const message = `the job is ${state.phase.kind}: it has no shard left to pause`;
    effects.push({ kind: "refuse", reason: { code: "PAUSE_TOO_LATE", message, fields: {} } });
    return;
  }
  const isAsBefore = priority === state.standing.priority && paused === state.standing.paused;
  if (!isAsBefore) recordDurably(context, { kind: "standingChanged", priority, paused });
  effects.push({ kind: "done" });
  if (!isAsBefore) wake(context);
}

export function reduced(context: EventContext, { outputDigest }: EventOf<"reduced">): void {
  recordDurably(context, { kind: "publishIntent", outputDigest });
  context.effects.push({ kind: "publish", outputDigest });
}

export function publishDone(context: EventContext, { outputDigest }: EventOf<"publishDone">): void {
  recordDurably(context, { kind: "published", outputDigest });
  closeJob(context);
}

export function jobBroken(context: EventContext, { reason }: EventOf<"jobBroken">): void {
  failJob(context, reason);
}
