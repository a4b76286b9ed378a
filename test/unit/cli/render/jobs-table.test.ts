import { expect, test } from "vitest";
import { jobsTable } from "../../../../cli/render/jobs-table.ts";
import { aJobId } from "../../../support/ids.ts";
import { aJobStatus, aPublishedJob } from "../../../support/job-status.ts";

test("each job is a line with its id, name, run, phase, rows, share, time left and end", () => {
  const published = aPublishedJob({
    jobId: aJobId("nightly-2"),
    name: "nightly",
    output: "/data/out/run=20261130T075000Z",
    ended: "2026-11-30T07:50:03.120Z",
  });
  const lines = jobsTable([
    aJobStatus(),
    aJobStatus({ jobId: aJobId("p-1"), paused: true, secondsLeft: null }),
    published,
  ]);
  expect(lines.split("\n")).toEqual([
    "job        name     run               phase       rows  done   left  ended",
    "digits-1   digits                     running    10000  62 %   1.5s",
    "p-1        digits                     paused     10000  62 %",
    "nightly-2  nightly  20261130T075000Z  published  10000  100 %        2026-11-30T07:50:03Z",
  ]);
});

test("a job in planning has no share, and a narrow terminal gets fewer columns", () => {
  const planning = aJobStatus({ phase: "planning", rowsTotal: 0, rowsDone: 0, secondsLeft: null });
  expect(jobsTable([planning]).split("\n")[1]).toBe("digits-1  digits       planning     0");
  expect(jobsTable([aJobStatus()], undefined, 30).split("\n").at(-1)).toBe("... 4 more columns");
});
