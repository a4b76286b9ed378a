import { describe, expect, test } from "vitest";
import { EXTENSIONS } from "#extensions";
import { FILE_KEYS } from "../../shared/domain/features.ts";
import type { JobSpec } from "../../shared/domain/job-spec.ts";
import { findLibraries } from "../../shared/extension/libraries.ts";
import { suiteCovers } from "../support/needs.ts";

const parts = EXTENSIONS.flatMap(({ name, libraries }) =>
  (libraries ?? []).map((library) => ({ name, serves: library.serves, library })),
);

suiteCovers(parts, "image");

describe.each(parts)("the optional library of $name for $serves", ({ library }) => {
  test("belongs to an input of the job file, and is found with a name", async () => {
    expect(FILE_KEYS).toContain(library.feature);
    const { used, hint } = await library.find();
    expect(used).toMatch(/^\S+$/);
    expect(hint === null || hint.startsWith("install")).toBe(true);
  });

  test("is listed with all libraries, and only with jobs that use it", async () => {
    const { used, hint } = await library.find();
    expect(await findLibraries()).toContainEqual({ serves: library.serves, used, hint });
    const jobOf = (input: object, prepare: readonly object[] = []) =>
      ({ map: { inputs: { x: input }, prepare, finish: [] } }) as unknown as JobSpec;
    expect(await findLibraries(jobOf({ column: "x" }))).toEqual([]);
    const found = { serves: library.serves, used, hint };
    expect(await findLibraries(jobOf({ column: "x", [library.feature]: {} }))).toContainEqual(found);
    const step = { [library.feature]: { column: "x" } };
    expect(await findLibraries(jobOf({ column: "x" }, [step]))).toContainEqual(found);
  });
});
