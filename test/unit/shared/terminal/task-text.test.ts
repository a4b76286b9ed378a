import { expect, test } from "vitest";
import { tasksProgressText, tasksText } from "../../../../shared/terminal/task-text.ts";
import { aTaskRun } from "../../../support/job-status.ts";

test("tasks that have ended are described with their workers, time and failed attempts", () => {
  const ended = aTaskRun({ done: 64, running: 0 });
  expect(tasksText(ended)).toBe("visits: 64 on 3 workers, 12.3s");
  expect(tasksText({ ...ended, workers: 1, attemptsFailed: 1 })).toBe(
    "visits: 64 on 1 worker, 12.3s, 1 failed attempt",
  );
  expect(tasksText(aTaskRun())).toContain("visits: 12 of 64 on 3 workers");
});

test("uneven tasks are described with the share of the largest, and with the heavy keys", () => {
  const heavyKeys = [
    { key: "user_id = 17", rows: 340 },
    { key: "user_id = 3\u001b[2J", rows: 100 },
  ];
  const text = tasksText(aTaskRun({ done: 64, mostRows: 361, heavyKeys }));
  expect(text).toContain("36 % of the rows in one task, user_id = 17 has 34 % of the rows, user_id = 3");
  expect(text).not.toContain("\u001b");
  expect(tasksText(aTaskRun({ tasks: 2, done: 2, mostRows: 550 }))).not.toContain("in one task");
});

test("running tasks are counted", () => {
  expect(tasksProgressText(aTaskRun())).toBe("reducing visits: 12 of 64 tasks, 3 running");
});
