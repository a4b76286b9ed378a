import { readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { MOST_SUBMISSIONS, orderStages, recordGreen } from "../scripts/ci-stages.mjs";
import { packageRoot } from "../shared/core/package-root.ts";

const record = JSON.parse(readFileSync(join(packageRoot, ".ci", "stages.json"), "utf8"));
const NOW = { date: "2026-11-30", commit: "0123456789ab" };

test("every CI stage was green within the last five submissions", () => {
  const entries = Object.entries<{ readonly submission: number }>(record.stages);
  expect(entries.length).toBeGreaterThan(4);
  const late = entries.filter(([, { submission }]) => record.submissions - submission > MOST_SUBMISSIONS);
  expect(late).toEqual([]);
});

test("no stage exceeds the age limit if each submission runs the oldest stage and all due stages", () => {
  let now = record;
  for (let submission = 0; submission < 40; submission += 1) {
    const [first, ...others] = orderStages(now);
    const green = [first, ...others.filter(({ isDue }) => isDue)].map((stage) => stage?.name ?? "");
    now = recordGreen(now, green, NOW);
    for (const last of Object.values<{ readonly submission: number }>(now.stages))
      expect(now.submissions - last.submission).toBeLessThanOrEqual(MOST_SUBMISSIONS);
  }
});

test("recording an unknown stage is refused", () => {
  expect(() => recordGreen(record, ["nothing"], NOW)).toThrow("unknown stages: nothing");
});
