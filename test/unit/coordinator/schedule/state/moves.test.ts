import { describe, expect, test } from "vitest";
import type { Phase } from "../../../../../coordinator/schedule/state/job-state.ts";
import { type JobMove, moveJob, moveShard } from "../../../../../coordinator/schedule/state/moves.ts";
import { present } from "../../../../../shared/core/assert.ts";
import { BrokenLaw } from "../../../../../shared/domain/laws.ts";
import { aDigest } from "../../../../support/ids.ts";
import { aPlan, aReason, TestJob } from "../harness.ts";

const OF_A_JOB: readonly (readonly [JobMove, Phase])[] = [
  ["planSealed", { kind: "running" }],
  ["lastShardDone", { kind: "reducing" }],
  ["shardRevoked", { kind: "running" }],
  ["publishIntent", { kind: "publishing", outputDigest: aDigest("d") }],
  ["published", { kind: "published", outputDigest: aDigest("d") }],
  ["failed", { kind: "failed", reason: aReason("INTERNAL"), intent: null }],
  ["cancelled", { kind: "cancelled", reason: aReason("JOB_CANCELLED") }],
  ["revived", { kind: "running" }],
];

/** Returns the possible moves of a job in this phase. */
function movesFrom(phase: Phase): JobMove[] {
  return OF_A_JOB.flatMap(([move, next]) => {
    const { state } = TestJob.running(aPlan(1));
    const writable: { phase: Phase } = state;
    writable.phase = phase;
    try {
      moveJob(state, move, next);
      return [move];
    } catch (error) {
      expect(error).toMatchObject({ law: "legal-moves" });
      expect(state.phase).toBe(phase);
      return [];
    }
  });
}

describe("the moves of a job", () => {
  test.each<[Phase, JobMove[]]>([
    [{ kind: "planning" }, ["planSealed", "failed", "cancelled"]],
    [{ kind: "running" }, ["lastShardDone", "failed", "cancelled"]],
    [{ kind: "reducing" }, ["shardRevoked", "publishIntent", "failed", "cancelled"]],
    [{ kind: "publishing", outputDigest: aDigest("d") }, ["published", "failed"]],
    [{ kind: "published", outputDigest: aDigest("d") }, []],
    [{ kind: "failed", reason: aReason("INTERNAL"), intent: null }, ["revived"]],
    [{ kind: "cancelled", reason: aReason("JOB_CANCELLED") }, ["revived"]],
  ])("a job in the phase %o allows exactly the moves %j", (phase, moves) => {
    expect(movesFrom(phase)).toEqual(moves);
  });

  test("a cancelled job cannot move to publishing when it is revived", () => {
    const { state } = TestJob.running(aPlan(1));
    moveJob(state, "cancelled", { kind: "cancelled", reason: aReason("JOB_CANCELLED") });
    expect(() => moveJob(state, "revived", { kind: "publishing", outputDigest: aDigest("d") })).toThrow(
      BrokenLaw,
    );
  });
});

test("an illegal move of a shard throws with the shard's history and changes nothing", () => {
  const { state } = TestJob.running(aPlan(1));
  const entry = present(state.shards[0], "there is a shard");
  expect(() => moveShard(state, entry, "revoked", { kind: "pending", sinceMs: 0, notBeforeMs: 0 })).toThrow(
    "revoked leads from pending to pending; shard 0 (a.parquet, rows 0 to 9), is pending: never leased",
  );
  expect(state.counts.pending).toBe(1);
});
