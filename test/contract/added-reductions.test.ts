import { describe, expect, it } from "vitest";
import { REDUCTIONS, reductionPartOf, reductionValue } from "../../shared/domain/features.ts";
import { JOB_FILE_SCHEMA } from "../../shared/domain/job-spec.ts";
import { isCombined } from "../../shared/domain/reduction-binding.ts";

/** The engine's own keys of a reduction. */
const OWN = ["combine", "final"];

function problemsOf(reduction: object): string {
  const job = {
    input: { path: "/a" },
    model: { path: "/m" },
    output: { path: "/o" },
    reduce: { r: reduction },
  };
  return JSON.stringify(JOB_FILE_SCHEMA.safeParse(job).error?.issues ?? []);
}

describe("reductions of extensions", () => {
  it("have unique keys, and differ from SQL reductions", () => {
    const keys = [...OWN, ...REDUCTIONS.map(({ key }) => key)];
    expect(new Set(keys).size).toBe(keys.length);
    expect(() => reductionPartOf("none of them")).toThrow("no reduction");
    expect(reductionValue({ final: "SELECT 1" })).toBeNull();
    expect(isCombined({ final: "SELECT 1" })).toBe(false);
    expect(problemsOf({})).toContain("`final` with SQL");
  });

  for (const part of REDUCTIONS) {
    const { key } = part;
    it(`${key}: takes a file in the job file, and excludes SQL`, async () => {
      const reduction: object = { [key]: "/file" };
      expect(problemsOf(reduction)).toBe("[]");
      expect(problemsOf({ [key]: 1 })).toContain(`"path":["${key}"]`);
      for (const own of OWN)
        expect(problemsOf({ [key]: "/file", [own]: "SELECT 1" })).toContain(
          `\`${key}\` and \`${own}\` exclude`,
        );
      expect(reductionValue(reduction)).toEqual({ part, value: "/file" });
      expect(isCombined(reduction)).toBe(true);
      expect(reductionPartOf(key)).toBe(part);
      expect(await part.loadPlanner()).toBeTypeOf("function");
    });
  }
});
