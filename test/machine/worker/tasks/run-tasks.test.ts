import { mkdir, mkdtemp, readdir, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { NEVER } from "../../../../shared/core/abort.ts";
import { silentLogger } from "../../../../shared/core/log.ts";
import { BUCKETS, type BucketRange } from "../../../../shared/domain/buckets.ts";
import { asExecutionId } from "../../../../shared/domain/execution-id.ts";
import type { ReductionSpec } from "../../../../shared/domain/reduce-spec.ts";
import { workerSession } from "../../../../shared/domain/worker.ts";
import type { DataService } from "../../../../shared/wire/services.ts";
import { DeviceRunner } from "../../../../worker/job/device-runner.ts";
import { TEST_CREDENTIAL } from "../../../support/access.ts";
import { describeTasks, SUMS, taskLease, writeTables } from "../../../support/reduction-tasks.ts";

const ALL: BucketRange = { from: 0, to: BUCKETS };

let root: string;
beforeEach(async () => {
  root = await mkdtemp(join(tmpdir(), "shardmill-run-tasks-"));
  for (const name of ["results", "scratch"]) await mkdir(join(root, name));
  await writeTables(root, SUMS);
});
afterEach(() => rm(root, { recursive: true, force: true }));

/** Opens a worker with two cores. */
async function openRunner(spec?: ReductionSpec): Promise<DeviceRunner> {
  const described = await describeTasks(root, spec);
  const runner = new DeviceRunner({
    services: { work: { describeJob: async () => described }, data: {} as DataService } as never,
    address: "",
    credential: TEST_CREDENTIAL,
    device: "cpu",
    lanes: 1,
    threadsPerLane: 1,
    shardThreads: 1,
    cores: 2,
    access: "shared",
    scratchPath: join(root, "scratch"),
    log: silentLogger,
    onBroken: (error) => {
      throw error;
    },
  });
  runner.useSession(workerSession("s1"));
  return runner;
}

const run = (runner: DeviceRunner, id: number, signal = NEVER) =>
  runner.run(taskLease(root, ALL, id), asExecutionId(`e${id}`), { signal, onProgress() {} });

test("a worker opens an inner job without a model, and a task has the same bytes again", async () => {
  await using runner = await openRunner();
  const first = await run(runner, 1);
  expect(first).toMatchObject({ files: [{ kind: "rows", rows: 98 }] });
  expect((await run(runner, 2)).files).toEqual(first.files);
});

test("a worker runs as many tasks at once as it has cores", async () => {
  const final = "SELECT count(*) AS n FROM partials, range(1000000000000)";
  await using runner = await openRunner({ ...SUMS, final });
  const stop = new AbortController();
  const tasks = Promise.allSettled([1, 2, 3].map((id) => run(runner, id, stop.signal)));
  const running = async () => await readdir(join(root, "scratch", "tasks"));
  await vi.waitFor(async () => expect(await running()).toHaveLength(2), 10_000);
  // The third would start at once if it could.
  await new Promise((resolve) => setTimeout(resolve, 100));
  expect(await running()).toHaveLength(2);
  stop.abort(new Error("enough"));
  expect(await tasks).toMatchObject(Array(3).fill({ status: "rejected", reason: { message: "enough" } }));
});
