import { afterAll, beforeAll, expect, test } from "vitest";
import { CrashBench, type CrashResult } from "../../fault/crash-bench.ts";
import { CrashTable } from "../../fault/crash-table.ts";

/**
 * A sample of what `npm run crash` does in full: kill -9 at the N-th point, then the same command again, and
 * the output is that of an undisturbed run, byte for byte.
 */

let bench: CrashBench;
beforeAll(async () => {
  bench = await CrashBench.open();
});
afterAll(() => bench[Symbol.asyncDispose]());

/** Dies at every `step`-th point until a run meets none. */
async function dieAtEach(step: number, dieAt: (at: number) => Promise<CrashResult>): Promise<CrashTable> {
  const table = new CrashTable("sample");
  for (let at = 1; ; at += step) {
    const { point, again, problems } = await dieAt(at);
    expect(problems, `after point ${at}: ${point}`).toEqual([]);
    if (point === null) return table;
    table.add(point, again);
  }
}

test("a coordinator killed anywhere is followed by one that publishes the same bytes", async () => {
  const table = await dieAtEach(139, (at) => bench.coordinatorDiesAt(at));
  expect(table.points).toBeGreaterThanOrEqual(3);
}, 180_000);

test("a worker killed while it writes a partial is started again, and the same bytes are published", async () => {
  const table = await dieAtEach(41, (at) => bench.workerDiesAt(at, "files"));
  expect(table.points).toBeGreaterThanOrEqual(2);
}, 120_000);

test("a worker killed around a call to its coordinator is started again, and the same bytes are published", async () => {
  const table = await dieAtEach(23, (at) => bench.workerDiesAt(at, "calls"));
  expect(table.points).toBeGreaterThanOrEqual(2);
}, 120_000);
