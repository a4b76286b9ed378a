import { describe, expect, test } from "vitest";
import { parseJob, problemsOfJob } from "./job-text.ts";

const ref = (inner: string): string => `$\{${inner}}`;
const inputsOf = (inputs: string) => parseJob({ map: `inputs:\n${inputs}` }).map.inputs;

describe("a merge key", () => {
  test("the keys of another group are merged, and a group's own keys have precedence", () => {
    const { a, b, c } = inputsOf(`
  a: &base { column: x, scale: 2, fill: 7 }
  b: { <<: *base, column: y }
  c: { column: z, scale: 3, <<: *base }`);
    expect(a).toEqual({ column: "x", scale: 2, offset: 0, fill: 7 });
    expect(b).toEqual({ column: "y", scale: 2, offset: 0, fill: 7 });
    expect(c).toEqual({ column: "z", scale: 3, offset: 0, fill: 7 });
  });

  test("several groups and nested merges are allowed, and earlier groups have precedence", () => {
    const { c, d } = inputsOf(`
  a: &a { column: x, scale: 2 }
  b: &b { <<: *a, column: y, offset: 5 }
  c: { <<: [*b, { scale: 9, fill: 1 }] }
  d: { <<: { fill: 2 }, column: z, <<: *b }`);
    expect(c).toEqual({ column: "y", scale: 2, offset: 5, fill: 1 });
    expect(d).toEqual({ column: "z", scale: 2, offset: 5, fill: 2 });
  });

  test("merged keys keep their variables and places", () => {
    const [problem] = problemsOfJob({ map: "inputs:\n  a: &a { colunm: x }\n  b: { <<: *a, column: y }" });
    expect(problem).toMatchObject({ where: "/jobs/digits/job.yaml:6:13 map.inputs.a.colunm" });
    const { b } = parseJob({
      map: `inputs:\n  a: &a { column: "${ref("X")}" }\n  b: { <<: *a, scale: 2 }`,
      env: { X: "col" },
    }).map.inputs;
    expect(b).toEqual({ column: "col", scale: 2, offset: 0 });
  });

  test("a merge key in quotes is an ordinary name", () => {
    expect(Object.keys(inputsOf(`  "<<": { column: x }`))).toEqual(["<<"]);
  });

  test.each([
    ["a scalar", "<<: 5", "takes a group of keys"],
    ["nothing", "<<:", "takes a group of keys"],
    ["a list of scalars", "<<: [x]", "takes a group of keys"],
    ["an unknown anchor", "<<: *nowhere", "`*nowhere` is not defined before"],
    ["itself", "<<: *self", "cannot be merged into itself"],
  ])("a merge of %s is refused with its place", (_, merge, what) => {
    const problems = problemsOfJob({ map: `inputs:\n  a: &self\n    column: x\n    ${merge}` });
    expect(problems).toHaveLength(1);
    expect(problems[0]?.what).toContain(what);
    expect(problems[0]?.where).toBe("/jobs/digits/job.yaml:8:7");
  });

  test("merges that multiply exponentially are refused quickly", () => {
    const doubled = Array.from(
      { length: 40 },
      (_, at) => `  n${at}: &n${at} { <<: [*n${at - 1}, *n${at - 1}], k${at}: 1 }`,
    );
    const chained = Array.from(
      { length: 3_000 },
      (_, at) => `  n${at}: &n${at} { <<: *n${at - 1}, k${at}: 1 }`,
    );
    for (const lines of [doubled, chained]) {
      // CPU time, which excludes the machine's other work.
      const before = process.cpuUsage();
      lines[0] = "  n0: &n0 { column: x }";
      expect(problemsOfJob({ map: `inputs:\n${lines.join("\n")}` }).length).toBeGreaterThan(0);
      expect(process.cpuUsage(before).user).toBeLessThan(10_000_000);
    }
  });
});
