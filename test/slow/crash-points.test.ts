import { execFile } from "node:child_process";
import { promisify } from "node:util";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { CRASH_STORAGES, CrashBench, type CrashResult, faultEnvironment } from "../../fault/crash-bench.ts";
import { CrashTable } from "../../fault/crash-table.ts";
import { compiledUrl } from "../../shared/core/package-root.ts";

const run = promisify(execFile);

/**
 * A sample of `npm run crash`: kill -9 at the N-th point, and then the same command again. The output must
 * equal that of an undisturbed run, byte for byte.
 */

/** Crashes at every `step`-th point until a run has no such point. */
async function dieAtEach(step: number, dieAt: (at: number) => Promise<CrashResult>): Promise<CrashTable> {
  const table = new CrashTable("sample");
  for (let at = 1; ; at += step) {
    const { point, again, problems } = await dieAt(at);
    expect(problems, `after point ${at}: ${point}`).toEqual([]);
    if (point === null) return table;
    table.add(point, again);
  }
}

test.each([
  ["disk", true],
  ["bucket", false],
] as const)("local storage in a process for output on a %s can rename: %s", async (storage, expected) => {
  const storages = compiledUrl("shared/storage/open-storage.ts").href;
  const script = `
    import { Worker } from "node:worker_threads";
    const tell = ${"`"}import("${storages}").then(async ({ Storages }) =>
      console.log((await new Storages().at("/a")).can.rename))${"`"};
    await eval(tell);
    new Worker(tell, { eval: true });`;
  const env = { PATH: process.env.PATH, ...faultEnvironment(storage, null) };
  const { stdout } = await run(process.execPath, ["--input-type=module", "-e", script], { env });
  expect(stdout).toBe(`${expected}\n${expected}\n`);
});

/** Distances between tested points. A bucket's copies and puts have more points. */
const STEPS = { disk: { coordinator: 263, worker: 61 }, bucket: { coordinator: 331, worker: 101 } } as const;

describe.each(CRASH_STORAGES)("an output on a %s", (storage) => {
  let bench: CrashBench;
  beforeAll(async () => {
    bench = await CrashBench.open(storage);
  });
  afterAll(() => bench[Symbol.asyncDispose]());

  test("after a coordinator is killed at any point, the next one publishes the same bytes", async () => {
    const table = await dieAtEach(STEPS[storage].coordinator, (at) => bench.coordinatorDiesAt(at));
    expect(table.points).toBeGreaterThanOrEqual(2);
  });

  test("a worker killed while it writes a partial is restarted, and the same bytes are published", async () => {
    const table = await dieAtEach(STEPS[storage].worker, (at) => bench.workerDiesAt(at, "files"));
    expect(table.points).toBeGreaterThanOrEqual(2);
  });

  // The place of the output does not affect calls.
  test.runIf(storage === "disk")(
    "a worker killed around a call to its coordinator is restarted, and the same bytes are published",
    async () => {
      const table = await dieAtEach(23, (at) => bench.workerDiesAt(at, "calls"));
      expect(table.points).toBeGreaterThanOrEqual(2);
    },
  );
});
