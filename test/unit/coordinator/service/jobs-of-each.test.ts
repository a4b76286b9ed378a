import fc from "fast-check";
import { expect, test } from "vitest";
import { JobsOfEach } from "../../../../coordinator/service/jobs-of-each.ts";

test("no token has more running jobs than its limit, in any order of starts and ends", () => {
  const steps = fc.array(fc.record({ by: fc.constantFrom("a", "b", "c"), ends: fc.boolean() }), {
    maxLength: 60,
  });
  fc.assert(
    fc.property(steps, fc.integer({ min: 1, max: 4 }), (all, most) => {
      const jobs = new JobsOfEach(most);
      const open = new Map<string, (() => void)[]>();
      for (const { by, ends } of all) {
        const own = open.get(by) ?? [];
        open.set(by, own);
        if (ends) {
          const leave = own.pop();
          leave?.();
          // A job ends once, however often its end is reported.
          leave?.();
        } else if (own.length < most) own.push(jobs.take(by));
        else expect(() => jobs.take(by)).toThrow(/may have no more/);
      }
    }),
  );
});

test("jobs of the secret and of the process itself are not counted", () => {
  const jobs = new JobsOfEach(1);
  for (const by of ["secret", null, "secret", null]) jobs.take(by);
  jobs.take("token a (x)");
  expect(() => jobs.take("token a (x)")).toThrow(
    expect.objectContaining({ code: "RESOURCE_EXHAUSTED", hint: expect.stringContaining("--max-jobs") }),
  );
});

test("jobs from before a restart are counted, and not refused", () => {
  const jobs = new JobsOfEach(1);
  const ends = [jobs.count("a"), jobs.count("a")];
  expect(() => jobs.take("a")).toThrow();
  ends[0]?.();
  expect(() => jobs.take("a")).toThrow();
  ends[1]?.();
  jobs.take("a");
});
