import { expect, test } from "vitest";
import { decodeSnapshot, encodeSnapshot } from "../../../../coordinator/journal/snapshot-file.ts";
import { NO_TOTALS, type Totals } from "../../../../coordinator/schedule/state/job-state.ts";
import { parseLocation } from "../../../../shared/domain/location.ts";
import { USUAL_STANDING } from "../../../../shared/domain/standing.ts";

const JOB = {
  accepted: null,
  standing: USUAL_STANDING,
  phase: { kind: "planning" },
  mapping: "m",
  lastToken: null,
} as const;
const HEAD = { previous: null, place: { generation: 1, bytes: 0, crc32: 0 }, builds: [] };
const NAME = { number: 1, generation: 1 };

test("a plan of many pieces is read as it was sealed", async () => {
  const shards = Array.from({ length: 50_001 }, (_, at) => [at, at + 1] as const);
  const plan = {
    kind: "planSealed",
    files: [["/a", 50_002]],
    skipped: [[0, 50_001, 50_002]],
    pins: [{ path: parseLocation("/lake/table"), options: { version: 3 } }],
    shards,
  } as const;
  let turns = 0;
  const { pieces } = await encodeSnapshot(
    HEAD,
    { job: { ...JOB, totals: NO_TOTALS }, revived: false, plan, blocks: [] },
    async () => {
      turns += 1;
    },
  );
  const found = decodeSnapshot(Buffer.concat(pieces), NAME);
  expect(found?.body().plan).toEqual({ ...plan, pruned: [] });
  expect(turns).toBeGreaterThan(3);
});

test.each([
  ["an unknown count", { ...NO_TOTALS, rowsUnknown: 0 }],
  ["no count of filled rows", { ...NO_TOTALS, filledRows: undefined }],
])("a snapshot with %s is rejected", async (_, totals) => {
  const snapshot = { job: { ...JOB, totals: totals as Totals }, revived: false, plan: null, blocks: [] };
  const { pieces } = await encodeSnapshot(HEAD, snapshot, async () => {});
  expect(decodeSnapshot(Buffer.concat(pieces), NAME)).toBeNull();
});
