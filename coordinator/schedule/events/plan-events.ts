import { assert } from "../../../shared/core/assert.ts";
import { enqueue } from "../policy/pending-queue.ts";
import type { EventOf } from "../state/event.ts";
import { recordDurably, type Turn, wake } from "../state/event-context.ts";

export function jobAccepted(turn: Turn, event: EventOf<"jobAccepted">): void {
  const { jobId, name, digests } = event;
  assert(turn.state.jobId === null, "a job is accepted once");
  recordDurably(turn, { kind: "jobAccepted", jobId, name, digests });
}

export function planSealed(turn: Turn, event: EventOf<"planSealed">): void {
  const { files, shards } = event;
  assert(
    shards.every((shard, index) => shard.id === index),
    "a shard's id is its place in the plan",
  );
  recordDurably(turn, {
    kind: "planSealed",
    files: files.map(({ path, rows }) => [path, rows]),
    shards: shards.map(({ rowStart, rowEnd }) => [rowStart, rowEnd]),
  });
  for (const entry of turn.state.shards) enqueue(turn.state, entry);
  wake(turn);
}
