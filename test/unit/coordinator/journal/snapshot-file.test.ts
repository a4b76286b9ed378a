import { expect, test } from "vitest";
import { decodeSnapshot, encodeSnapshot } from "../../../../coordinator/journal/snapshot-file.ts";
import { createJobState } from "../../../../coordinator/schedule/state/job-state.ts";
import { USUAL_STANDING } from "../../../../shared/domain/standing.ts";
import { aConfig } from "../schedule/harness.ts";

test("a plan of many pieces is read as it was sealed", async () => {
  const shards = Array.from({ length: 50_001 }, (_, at) => [at, at + 1] as const);
  const plan = {
    kind: "planSealed",
    files: [["/a", 50_002]],
    skipped: [[0, 50_001, 50_002]],
    shards,
  } as const;
  const job = {
    accepted: null,
    standing: USUAL_STANDING,
    phase: { kind: "planning" },
    mapping: null,
    lastToken: null,
  } as const;
  const totals = createJobState(aConfig(), 1).totals;
  const head = { previous: null, place: { generation: 1, bytes: 0, crc32: 0 }, builds: [] };
  let turns = 0;
  const { pieces } = await encodeSnapshot(
    head,
    { job: { ...job, totals }, revived: false, plan, blocks: [] },
    async () => {
      turns += 1;
    },
  );
  const found = decodeSnapshot(Buffer.concat(pieces), { number: 1, generation: 1 });
  expect(found?.body().plan).toEqual({ ...plan, pruned: [] });
  expect(turns).toBeGreaterThan(3);
});
