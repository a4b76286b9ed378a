import { expect, test } from "vitest";
import { Submissions } from "../../../../coordinator/service/submissions.ts";
import { deferred, NEVER } from "../../../../shared/core/abort.ts";
import { ShardmillError } from "../../../../shared/core/errors.ts";
import { silentLogger } from "../../../../shared/core/log.ts";
import { checkJobSpec } from "../../../../shared/job-file/check-job.ts";
import { until } from "../../../support/wire-rig.ts";

/** Returns submissions whose planning ends with an error, one by one on request. */
function planner() {
  const begun: string[] = [];
  const gates: (() => void)[] = [];
  const submissions = new Submissions({
    open: async ({ name }) => {
      begun.push(name);
      const gate = deferred<void>();
      gates.push(() => gate.resolve());
      await gate.promise;
      throw new ShardmillError("INPUT_CORRUPT", "no rows");
    },
    admit: async () => undefined,
    placesOf: () => undefined,
    startServing: () => {},
    active: () => [],
    store: null,
    isGuarded: false,
    hasOwnJob: false,
    jobsOfOne: 64,
    log: silentLogger,
  });
  const submit = (by: string, place: number) => {
    const spec = checkJobSpec({
      name: `${by}-${place}`,
      input: { path: "/data" },
      model: { path: "/model.onnx" },
      map: { inputs: { x: "x" }, outputs: { y: "y" } },
      output: { path: `/out/${by}-${place}` },
    });
    const submitted = submissions.submit(spec, {
      fresh: false,
      by: { name: by, role: "submit" },
      signal: NEVER,
    });
    submitted.catch(() => {});
    return submitted;
  };
  return { begun, submit, endOne: () => gates.shift()?.() };
}

test("a caller with one job waits for at most two of another caller's sixty jobs", async () => {
  const { begun, submit, endOne } = planner();
  for (let place = 0; place < 60; place += 1) submit("many", place);
  await until(() => begun.length === 2);
  submit("one", 0);
  endOne();
  await until(() => begun.length === 3);
  expect(begun).toEqual(["many-0", "many-1", "one-0"]);
});

test("a flood of submissions is refused only for the caller that sends it", async () => {
  const { begun, submit } = planner();
  const flood = Array.from({ length: 200 }, (_, place) => submit("many", place));
  await until(() => begun.length === 2);
  await expect(Promise.any(flood.slice(66))).rejects.toMatchObject({
    errors: expect.arrayContaining([expect.objectContaining({ code: "RESOURCE_EXHAUSTED" })]),
  });
  let hasFailed = false;
  submit("one", 0).catch(() => {
    hasFailed = true;
  });
  await new Promise((resolve) => setImmediate(resolve));
  expect(hasFailed).toBe(false);
});
