import { mkdtemp, readdir, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { startCoordinator } from "../../../coordinator/coordinator.ts";
import { realSeams } from "../../../coordinator/job/job-seams.ts";
import { deferred, NEVER } from "../../../shared/core/abort.ts";
import { systemClock } from "../../../shared/core/clock.ts";
import { silentLogger } from "../../../shared/core/log.ts";
import { SeededRandom } from "../../../sim/seeded-random.ts";
import { makeSimJob } from "../../../sim/sim-plan.ts";
import { TEST_GUARD } from "../../support/access.ts";

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "shardmill-closing-"));
});
afterEach(() => rm(folder, { recursive: true }));

test("a job whose submission is pending when its coordinator closes is interrupted and leaves no lock", async () => {
  const gate = deferred<void>();
  const job = makeSimJob(new SeededRandom(1), { failingRows: false, poisonRows: false, place: 0 });
  const output = join(folder, "out");
  const spec = { ...job.spec, output: { ...job.spec.output, path: output } };
  const plan = async () => {
    await gate.promise;
    return { ...job.planned, spec };
  };
  const serve = async () => ({
    address: "nowhere:1",
    ownAddress: "nowhere:1",
    setServing: () => {},
    close: async () => {},
  });
  const seams = { ...realSeams, plan, serve };
  const options = { listen: "nowhere:1", guard: TEST_GUARD, clock: systemClock, log: silentLogger, seams };
  const coordinator = await startCoordinator(options);
  const submitted = coordinator.submit(spec, { fresh: false, signal: NEVER });
  submitted.catch(() => {});
  await coordinator.close();
  gate.resolve();
  await expect(submitted).rejects.toMatchObject({ code: "INTERRUPTED" });
  const left = await readdir(output, { recursive: true });
  expect(left.filter((name) => name.includes("journal-"))).toHaveLength(1);
  expect(left.filter((name) => name.includes("lock."))).toEqual([]);
});
