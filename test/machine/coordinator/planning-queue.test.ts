import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, expect, test } from "vitest";
import { type Coordinator, startCoordinator } from "../../../coordinator/coordinator.ts";
import { realSeams } from "../../../coordinator/job/job-seams.ts";
import { deferred, NEVER } from "../../../shared/core/abort.ts";
import { systemClock } from "../../../shared/core/clock.ts";
import { ShardmillError } from "../../../shared/core/errors.ts";
import { silentLogger } from "../../../shared/core/log.ts";
import { JOB_FILE_SCHEMA, type JobSpec } from "../../../shared/domain/job-spec.ts";
import { TEST_GUARD } from "../../support/access.ts";
import { until } from "../../support/wire-rig.ts";

let coordinator: Coordinator | null = null;
afterEach(async () => {
  await coordinator?.close();
});

/** Starts a coordinator whose plans end with an error on request, so that no job continues. */
async function planner() {
  const seen = { now: 0, most: 0, begun: 0 };
  let gate = deferred<void>();
  const plan = async (): Promise<never> => {
    seen.now += 1;
    seen.begun += 1;
    seen.most = Math.max(seen.most, seen.now);
    await gate.promise;
    seen.now -= 1;
    throw new ShardmillError("INPUT_CORRUPT", "no rows");
  };
  const serve = async () => ({
    address: "nowhere:1",
    ownAddress: "nowhere:1",
    setServing: () => {},
    close: async () => {},
  });
  const seams = { ...realSeams, plan, serve };
  const options = { listen: "nowhere:1", guard: TEST_GUARD, clock: systemClock, log: silentLogger, seams };
  const started = await startCoordinator(options);
  coordinator = started;
  let count = 0;
  return {
    seen,
    open: () => {
      gate.resolve();
      gate = deferred<void>();
      gate.resolve();
    },
    submit: (signal = NEVER) => {
      count += 1;
      const submitted = started.submit(aSpec(count), { fresh: false, signal });
      submitted.catch(() => {});
      return submitted;
    },
  };
}

function aSpec(place: number): JobSpec {
  const file = {
    name: `job-${place}`,
    input: { path: "/data/*.parquet" },
    model: { path: "/model.onnx" },
    map: {},
    output: { path: join(tmpdir(), `shardmill-no-such-output-${process.pid}-${place}`) },
  };
  return { ...JOB_FILE_SCHEMA.parse(file), name: file.name };
}

/** Waits long enough for a third plan to begin, if it were permitted. */
const moment = () => new Promise((resolve) => setTimeout(resolve, 50));

test("two jobs are planned at once, 64 wait and are planned later, and more are refused", async () => {
  const { seen, open, submit } = await planner();
  const submitted = Array.from({ length: 66 }, () => submit());
  await until(() => seen.now === 2);
  await moment();
  expect(seen).toEqual({ now: 2, most: 2, begun: 2 });
  await expect(submit()).rejects.toMatchObject({ code: "RESOURCE_EXHAUSTED", hint: expect.any(String) });
  open();
  const ends = await Promise.allSettled(submitted);
  expect(ends.every(({ status }) => status === "rejected")).toBe(true);
  expect(seen).toEqual({ now: 0, most: 2, begun: 66 });
});

test("a submission whose caller aborts while it waits is not planned", async () => {
  const { seen, open, submit } = await planner();
  const first = [submit(), submit()];
  const caller = new AbortController();
  const waiting = submit(caller.signal);
  await until(() => seen.now === 2);
  caller.abort(new Error("gone"));
  await expect(waiting).rejects.toThrow("gone");
  open();
  await Promise.allSettled(first);
  expect(seen.begun).toBe(2);
});
