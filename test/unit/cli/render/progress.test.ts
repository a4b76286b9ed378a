import stringWidth from "string-width";
import { describe, expect, it } from "vitest";
import { renderPlainLine, renderProgress } from "../../../../cli/render/progress.ts";
import { aJobStatus, aPublishedJob, aTaskRun } from "../../../support/job-status.ts";

describe("the live view", () => {
  it("shows phase, bar, rows, speed, time left, bottleneck, shards, workers and attempts", () => {
    expect(renderProgress(aJobStatus({ attemptsFailed: 1 }), { columns: 60 })).toEqual([
      "digits  running  4.2s",
      "████████████████████░░░░░░░░░░░░  62 %  6,250 of 10,000 rows",
      "2,400 rows/s, 1.5s left, limited by infer (93 % busy)",
      "shards 4 of 8, 2 at work; 2 workers; 6 attempts, 1 failed",
    ]);
  });

  it("omits figures that are not known yet", () => {
    const planning = aJobStatus({ phase: "planning", rowsTotal: 0, rowsDone: 0, shardsTotal: 0 });
    expect(renderProgress(planning)).toEqual(["digits  planning  4.2s"]);
    expect(renderProgress(aJobStatus({ secondsLeft: null, bottleneck: null }))[2]).toBe("2,400 rows/s");
  });

  it("shows that a job is paused, whether shards still run, and a priority that is not the default", () => {
    const paused = renderProgress(aJobStatus({ paused: true, priority: -10 }));
    expect([paused[0], paused[2]]).toEqual([
      "digits  paused  priority -10  4.2s",
      "what runs is finished, then it waits",
    ]);
    expect(renderPlainLine(aJobStatus({ paused: true, shardsLeased: 0 }))).toMatch(
      /^digits paused: .*, nothing runs until it is resumed, /,
    );
    expect(renderProgress(aJobStatus({ priority: 3 }))[0]).toBe("digits  running  priority 3  4.2s");
  });

  it("shows what the job waits for, and counts truncated rows, filled rows and dead letters", () => {
    const lines = renderProgress(aJobStatus({ workers: 0, rowsTruncated: 2, rowsFilled: 4, deadLetters: 1 }));
    expect(lines[2]).toBe("waiting for workers");
    const fetching = { bytes: 3_328_599_654, totalBytes: 10_952_166_605, bytesPerSecond: 89_128_960 };
    expect(renderProgress(aJobStatus({ rowsDone: 0, fetching }))[2]).toBe(
      "the workers fetch the model: 3.1 GiB of 10.2 GiB, 85.0 MiB/s",
    );
    expect(renderProgress(aJobStatus({ fetching }))[2]).toContain("2,400 rows/s");
    const waiting = { store: "s3://photos", seconds: 40, reason: "throttled" };
    const text = "waiting for store s3://photos for 40.0s: throttled";
    expect(renderProgress(aJobStatus({ waiting }))[2]).toBe(text);
    expect(renderPlainLine(aJobStatus({ waiting }))).toContain(`, ${text}, `);
    expect(lines.slice(-3)).toEqual(["2 rows truncated", "4 rows filled up", "1 dead letter"]);
  });

  it("shows the progress of the work after the last shard", () => {
    const shaping = aPublishedJob({
      phase: "reducing",
      endProgress: { step: "shape", done: 1_200, total: 5_000 },
    });
    expect(renderProgress(shaping)).toContain("writing 1,200 of 5,000 rows of the output's files");
    const checking = { step: "check", done: 3, total: 14 } as const;
    expect(renderPlainLine({ ...shaping, endProgress: checking })).toContain(", checking 3 of 14 files, ");
  });

  it("shows the tasks of a reduction only while they run", () => {
    const text = "reducing visits: 12 of 64 tasks, 3 running";
    const reducing = aPublishedJob({ phase: "reducing", tasks: [aTaskRun({ done: 64 }), aTaskRun()] });
    expect(renderProgress(reducing)).toContain(text);
    expect(renderPlainLine(reducing)).toContain(`, ${text}, `);
    const tasks = [aTaskRun({ attemptsFailed: 2 })];
    expect(renderPlainLine({ ...reducing, tasks })).toContain(`${text}, 2 failed attempts, `);
    expect(renderPlainLine({ ...reducing, phase: "failed" })).not.toContain("reducing");
    expect(renderPlainLine({ ...reducing, tasks: [aTaskRun({ done: 64 })] })).not.toContain("tasks");
  });

  it("shows 100 % only when all rows are done", () => {
    expect(renderProgress(aJobStatus({ rowsDone: 9_999 }))[1]).toContain("  99 %  ");
    expect(renderProgress(aPublishedJob())[1]).toMatch(/^█{40} {2}100 % {2}10,000 of 10,000 rows$/);
  });

  it("is never wider than the terminal", () => {
    for (const columns of [1, 8, 20, 33, 200]) {
      const lines = renderProgress(aJobStatus({ name: "日本語".repeat(20), deadLetters: 3 }), { columns });
      for (const line of lines) expect(stringWidth(line)).toBeLessThanOrEqual(columns);
    }
  });
});

describe("the plain line", () => {
  it("shows the progress in one line", () => {
    expect(renderPlainLine(aJobStatus())).toBe(
      "digits running: 6,250 of 10,000 rows (62 %), 2,400 rows/s, 1.5s left, limited by infer (93 % busy), shards 4 of 8, 2 workers",
    );
  });

  it("names failures and dead letters when there are any", () => {
    expect(
      renderPlainLine(
        aJobStatus({
          phase: "reducing",
          attemptsFailed: 1,
          rowsTruncated: 3,
          rowsFilled: 5,
          deadLetters: 2,
          workers: 1,
        }),
      ),
    ).toBe(
      "digits reducing: 6,250 of 10,000 rows (62 %), shards 4 of 8, 1 worker, 1 failed attempt, 3 rows truncated, 5 rows filled up, 2 dead letters",
    );
  });
});
