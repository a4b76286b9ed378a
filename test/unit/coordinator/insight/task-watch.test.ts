import { expect, test } from "vitest";
import { countTasks, TaskWatch } from "../../../../coordinator/insight/task-watch.ts";
import { aTaskRun } from "../../../support/job-status.ts";
import { aPlan, TestJob } from "../schedule/harness.ts";

/** Returns an inner job with its counts. */
function someTasks(count: number) {
  const job = TestJob.running(aPlan(count));
  const counts = countTasks("visits", job.state, { nowMs: () => job.nowMs });
  job.onApplied = () => counts.look();
  return { job, counts };
}

test("tasks are counted as they run, fail and are committed", () => {
  const { job, counts } = someTasks(4);
  const [a, b] = [job.join("a", 1), job.join("b", 1)];
  const failed = job.grant(a);
  job.grant(b);
  expect(counts.read()).toMatchObject({ reduction: "visits", tasks: 4, done: 0, running: 2, workers: 2 });
  job.fail(failed);
  job.lose(b);
  job.nowMs += 100_000;
  job.commit(a, { rowsReduced: 30 });
  job.commit(a, { rowsReduced: 70 });
  expect(counts.read()).toMatchObject({ done: 2, running: 0, workers: 2, rowsRead: 100, mostRows: 70 });
  expect(counts.read().attemptsFailed).toBeGreaterThan(0);
  expect(counts.read().seconds).toBeGreaterThanOrEqual(100);
});

test("ended tasks keep their counts, and repeated ones lose the heavy keys of before", () => {
  const watch = new TaskWatch();
  let done = 1;
  const read = () => aTaskRun({ done });
  const heavy = [{ key: "k = 1", rows: 5 }];
  watch.begin("visits", read);
  done = 2;
  expect(watch.all()).toMatchObject([{ done: 2 }]);
  watch.end("visits");
  watch.noteHeavyKeys("visits", heavy);
  done = 3;
  expect(watch.all()).toEqual([aTaskRun({ done: 2, heavyKeys: heavy })]);
  watch.begin("visits", read);
  expect(watch.all()).toEqual([aTaskRun({ done: 3 })]);
  watch.drop("visits");
  watch.end("visits");
  expect(watch.all()).toEqual([]);
});
