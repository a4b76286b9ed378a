import fc from "fast-check";
import type { TaskRun } from "../../shared/domain/task-run.ts";

const count = fc.nat();
const text = fc.string({ maxLength: 20 });

/** Tasks of a reduction, as a status has them. */
export const taskRun: fc.Arbitrary<TaskRun> = fc.record({
  reduction: text,
  ...{ tasks: count, done: count, running: count, attemptsFailed: count, workers: count },
  ...{ seconds: fc.double({ min: 0, max: 1e9, noNaN: true }), rowsRead: count, mostRows: count },
  heavyKeys: fc.array(fc.record({ key: text, rows: count }), { maxLength: 3 }),
});
