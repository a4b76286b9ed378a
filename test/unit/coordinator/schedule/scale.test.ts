import { expect, test } from "vitest";
import { applyEvent } from "../../../../coordinator/schedule/events/apply.ts";
import { replay } from "../../../../coordinator/schedule/events/replay.ts";
import { checkInvariants } from "../../../../coordinator/schedule/laws/invariants.ts";
import type { JobEffect } from "../../../../coordinator/schedule/state/effect.ts";
import type { JobEvent } from "../../../../coordinator/schedule/state/event.ts";
import { createJobState } from "../../../../coordinator/schedule/state/job-state.ts";
import { committedPartials, jobProgress } from "../../../../coordinator/schedule/state/progress.ts";
import type { JournalRecord } from "../../../../coordinator/schedule/state/record.ts";
import { workerSession } from "../../../../shared/domain/worker.ts";
import { aJobId } from "../../../support/ids.ts";
import { aConfig, aPartial, aPlan, DIGESTS, filesOf, only } from "./harness.ts";

const SHARDS = 50_000;

// If any event searched every shard, this would be billions of steps, and the test would time out.
test("fifty thousand shards run on a thousand workers, some of them twice, and replay to the same state", () => {
  const state = createJobState(aConfig(), 1);
  const records: JournalRecord[] = [];
  let nowMs = 0;
  const apply = (event: JobEvent): JobEffect[] => {
    const effects = applyEvent(state, nowMs, event);
    for (const effect of effects) if (effect.kind === "append") records.push(effect.record);
    return effects;
  };
  apply({ kind: "jobAccepted", jobId: aJobId("j"), name: "n", digests: DIGESTS });
  const plan = aPlan(SHARDS);
  apply({ kind: "planSealed", files: filesOf(plan), shards: plan });
  const workers = Array.from({ length: 1000 }, (_, index) => workerSession(`s${index}`));
  for (const worker of workers) apply({ kind: "workerJoined", worker, name: worker, slots: 2 });
  // Every worker holds a lease that expires.
  for (const worker of workers) only(apply({ kind: "leaseRequested", worker }), "grant");
  nowMs += 30_000;
  apply({ kind: "tick" });
  for (let at = 0; state.phase.kind === "running"; at += 1) {
    const worker = workers[at % workers.length] ?? workerSession("none");
    const { shard, token } = only(apply({ kind: "leaseRequested", worker }), "grant");
    const partial = aPartial(shard, token);
    apply({ kind: "partialOffered", worker, partial });
    apply({ kind: "partialStored", shard: shard.id, token, executionId: partial.executionId });
    apply({ kind: "tick" });
    jobProgress(state);
  }
  expect(jobProgress(state)).toMatchObject({
    shardsCommitted: SHARDS,
    attempts: SHARDS + 1000,
    phase: "reducing",
  });
  checkInvariants(state);
  const replayed = replay(aConfig(), records, 2);
  expect(committedPartials(replayed)).toEqual(committedPartials(state));
});
