import { describe, expect, test } from "vitest";
import { parseJob, problemsOfJob } from "./job-text.ts";

describe("--set", () => {
  test("a value in the file is overridden, and a missing key is added", () => {
    const spec = parseJob({
      map: "batch: { rows: 8 }",
      set: ["map.batch.rows=256", "errors.maxRows=3", "map.keep=[id, label]", "model.device=cpu"],
    });
    expect(spec.map.batch.rows).toBe(256);
    expect(spec.errors.maxRows).toBe(3);
    expect(spec.map.keep).toEqual(["id", "label"]);
    expect(spec.model?.device).toBe("cpu");
  });

  test("the last of several values for one key is used", () => {
    expect(parseJob({ set: ["map.batch.rows=1", "map.batch.rows=2"] }).map.batch.rows).toBe(2);
  });

  test("a key that contains dots is written in quotes", () => {
    expect(parseJob({ set: ['map.inputs."a.b".column=x=y'] }).map.inputs["a.b"]?.column).toBe("x=y");
  });

  test("setting a key within a shorthand expands the shorthand", () => {
    const spec = parseJob({
      map: "inputs: { image: pixels }",
      rest: "reduce: { n: SELECT 2 }",
      set: ["map.inputs.image.scale=0.5", "reduce.n.combine=SELECT 1"],
    });
    expect(spec.map.inputs.image).toEqual({ column: "pixels", scale: 0.5, offset: 0 });
    expect(spec.reduce.n).toEqual({ combine: "SELECT 1", final: "SELECT 2" });
  });

  test("an invalid value in the file can be overridden with a valid one", () => {
    expect(parseJob({ map: "batch: { rows: nonsense }", set: ["map.batch.rows=4"] }).map.batch.rows).toBe(4);
  });

  test("an empty value after the equals sign removes a key", () => {
    expect(parseJob({ map: "keep: [id]", set: ["map.keep="] }).map.keep).toEqual([]);
  });

  test("a relative path begins at the folder of the job, as in the file", () => {
    expect(parseJob({ set: ["output.path=./elsewhere"] }).output.path).toBe("/jobs/digits/elsewhere");
  });

  test("an unknown key is a problem that names the key and the nearest known one", () => {
    expect(problemsOfJob({ set: ["map.bacth.rows=256"] })).toEqual([
      {
        where: "--set map.bacth.rows=256",
        what: "unknown key `bacth`",
        expected: "one of `stages`, `prepare`, `inputs`, `state`, `outputs`, `keep`, `finish`, `batch`",
        hint: "did you mean `batch`?",
      },
    ]);
  });

  test("a value of a wrong type is a problem that names the value", () => {
    const [problem] = problemsOfJob({ set: ["map.batch.rows=many"] });
    expect(problem).toMatchObject({
      where: "--set map.batch.rows=many",
      what: "wrong type",
      found: '"many"',
    });
  });

  test("an invalid key in a group is a problem that names the key", () => {
    const [problem] = problemsOfJob({ set: ["map.batch={row: 1}"] });
    expect(problem?.where).toBe("--set map.batch={row: 1} map.batch.row");
  });

  test.each([
    ["map.batch.rows", "not a key and a value"],
    ["=3", "not a key and a value"],
    ["map..rows=3", "not a key and a value"],
    ["map.keep[0]=id", "only keys can be set"],
    ["__proto__.polluted=1", "only keys can be set"],
    ["map.batch.rows=[1", "flow sequence"],
    ["map.keep.first=id", "`map.keep` has no keys below it"],
    ["input.path.x=id", "`input.path` has no keys below it"],
  ])("%j is refused", (text, what) => {
    const [problem] = problemsOfJob({ map: "keep: [id]", set: [text] });
    expect(problem?.where).toBe(`--set ${text}`);
    expect(problem?.what).toContain(what);
    expect(Reflect.get({}, "polluted")).toBeUndefined();
  });
});
