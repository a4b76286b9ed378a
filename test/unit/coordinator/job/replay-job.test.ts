import { describe, expect, test } from "vitest";
import type { OpenJobOptions } from "../../../../coordinator/job/opened-job.ts";
import { replayJob } from "../../../../coordinator/job/replay-job.ts";
import type { OpenJournal } from "../../../../coordinator/journal/journal.ts";
import type { FoundSnapshot } from "../../../../coordinator/journal/snapshot-file.ts";
import { replay } from "../../../../coordinator/schedule/events/replay.ts";
import { durableFacts } from "../../../../coordinator/schedule/laws/durable-facts.ts";
import type { createJobState } from "../../../../coordinator/schedule/state/job-state.ts";
import type { JournalRecord } from "../../../../coordinator/schedule/state/record.ts";
import { SinceSnapshot, type Snapshot } from "../../../../coordinator/schedule/state/snapshot.ts";
import type { PlannedJob } from "../../../../shared/domain/job.ts";
import { aConfig, aPlan, DIGESTS, TestJob } from "../schedule/harness.ts";

const RECORDS: readonly JournalRecord[] = TestJob.running(aPlan(3)).records;
const PLANNED = {
  spec: { errors: { maxRows: 0 } },
  map: { prepare: [], finish: [] },
  digests: DIGESTS,
  dataset: { files: [] },
} as unknown as PlannedJob;

/** Resumes a job from one snapshot without later records. Returns the warnings, too. */
async function takenUp(snapshot: Snapshot) {
  const warnings: string[] = [];
  const found = { number: 1, generation: 1, crc32: 0, body: () => snapshot } as unknown as FoundSnapshot;
  let readAll = 0;
  const opened = {
    snapshots: [found],
    records: [],
    generation: 9,
    readAll: async () => {
      readAll += 1;
      return RECORDS;
    },
  } as unknown as OpenJournal;
  const log = { warn: (_fields: unknown, what: string) => warnings.push(what) };
  const options = { schedule: aConfig(), log } as unknown as OpenJobOptions;
  const { state, snapshots } = await replayJob(PLANNED, opened, options);
  return { state, snapshots, warnings, readAll };
}

function expectAll(state: ReturnType<typeof createJobState>): void {
  expect(durableFacts(state)).toEqual(durableFacts(replay(aConfig(), RECORDS, 9)));
}

describe("the replay of a job", () => {
  test("a job is resumed from its snapshots if they are valid", async () => {
    const good = SinceSnapshot.of(RECORDS).take(replay(aConfig(), RECORDS, 9));
    const { state, snapshots, warnings, readAll } = await takenUp(good);
    expect({ snapshots: snapshots.length, warnings, readAll }).toEqual({
      snapshots: 1,
      warnings: [],
      readAll: 0,
    });
    expectAll(state);
  });

  test("the whole journal is read, with a warning, if a snapshot contradicts itself", async () => {
    const good = SinceSnapshot.of(RECORDS).take(replay(aConfig(), RECORDS, 9));
    const { totals } = good.job;
    const { state, snapshots, warnings, readAll } = await takenUp({
      ...good,
      job: { ...good.job, totals: { ...totals, rowsCommitted: 5 } },
    });
    expect({ snapshots: snapshots.length, readAll }).toEqual({ snapshots: 0, readAll: 1 });
    expect(warnings).toEqual(["the snapshots of the journal are unusable: the whole journal is read"]);
    expectAll(state);
  });
});
