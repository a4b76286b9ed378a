import { describe, expect, test } from "vitest";
import { CONVERSION } from "../../../../shared/domain/conversion.ts";
import { parseJobText } from "../../../../shared/job-file/read-job-file.ts";
import { aJobText, parse, parseJob, problemsOf, problemsOfJob } from "./job-text.ts";

/** Default of an extension's key, if the extension exists. */
const CONVERSION_DEFAULT = CONVERSION === null ? {} : { [CONVERSION.key]: CONVERSION.values[0] };

const ref = (inner: string): string => `$\{${inner}}`;

describe("a job file", () => {
  test("a minimal job file gets every default", () => {
    expect(parseJob({})).toEqual({
      name: "digits",
      input: { path: ["/jobs/digits/data.parquet"], format: "auto", shardRows: "auto" },
      model: {
        path: "/jobs/digits/model.onnx",
        device: "auto",
        ...CONVERSION_DEFAULT,
        check: { rows: 256, tolerance: "auto", maxBeyond: "auto", minCosine: 0.99, minAgreement: 0.98 },
      },
      map: {
        inputs: {},
        outputs: [],
        keep: [],
        prepare: [],
        finish: [],
        batch: { rows: "auto", tokens: "auto" },
      },
      reduce: {},
      output: { path: "/jobs/digits/out", rows: "parquet" },
      errors: { maxRows: 0 },
      stores: {},
    });
  });

  test("a job file with keys in every group is read as it is written", () => {
    const spec = parse(`
name: Digits-2.1
input: { path: [./a/*.parquet, /data/b.arrow, "s3:/bucket/c"], format: parquet, shardRows: 5000 }
model: { path: ../m.onnx, device: cuda, check: { rows: 9, tolerance: 0.2, maxBeyond: 0.1, minCosine: 0.5, minAgreement: 0 } }
map:
  inputs:
    image: { column: pixels, scale: 0.5, offset: -1, shape: [1, 28, 28], fill: 0 }
    "a.b": { columns: [x, y] }
    c: { columns: f* }
  outputs:
    digit: { tensor: logits, op: argmax, labels: ["0", "1"] }
    top: { tensor: logits, op: topK, k: 3, shape: [10] }
  keep: [id]
  batch: { rows: 256 }
reduce:
  by_digit: { combine: SELECT 1, final: SELECT 2 }
output: { path: /out, rows: none }
errors: { maxRows: 7 }
`);
    expect(spec).toEqual({
      name: "Digits-2.1",
      input: {
        path: ["/jobs/digits/a/*.parquet", "/data/b.arrow", "/jobs/digits/s3:/bucket/c"],
        format: "parquet",
        shardRows: 5000,
      },
      model: {
        path: "/jobs/m.onnx",
        device: "cuda",
        ...CONVERSION_DEFAULT,
        check: { rows: 9, tolerance: 0.2, maxBeyond: 0.1, minCosine: 0.5, minAgreement: 0 },
      },
      map: {
        inputs: {
          image: { column: "pixels", scale: 0.5, offset: -1, shape: [1, 28, 28], fill: 0 },
          "a.b": { columns: ["x", "y"], scale: 1, offset: 0 },
          c: { columns: "f*", scale: 1, offset: 0 },
        },
        outputs: [
          { column: "digit", tensor: "logits", op: "argmax", labels: ["0", "1"] },
          { column: "top", tensor: "logits", op: "topK", k: 3, shape: [10] },
        ],
        keep: ["id"],
        prepare: [],
        finish: [],
        batch: { rows: 256, tokens: "auto" },
      },
      reduce: { by_digit: { combine: "SELECT 1", final: "SELECT 2" } },
      output: { path: "/out", rows: "none" },
      errors: { maxRows: 7 },
      stores: {},
    });
  });

  test("a scalar is a shorthand for a group with one key", () => {
    const spec = parseJob({
      map: "inputs: { image: pixels }\noutputs: { y: logits }",
      rest: "reduce: { n: SELECT 1 }",
    });
    expect(spec.map.inputs).toEqual({ image: { column: "pixels", scale: 1, offset: 0 } });
    expect(spec.map.outputs).toEqual([{ column: "y", tensor: "logits" }]);
    expect(spec.reduce).toEqual({ n: { final: "SELECT 1" } });
  });

  test("an empty key is the same as a missing key", () => {
    expect(parse(`${aJobText()}reduce:\nerrors: { maxRows: }\nmap:\n`)).toEqual(parseJob({}));
    expect(parseJob({ map: "outputs: [{ column: y, tensor: }]" })).toEqual(
      parseJob({ map: "outputs: { y: { tensor: } }" }),
    );
  });

  test("a job file may use anchors", () => {
    const map = "inputs:\n  a: &same { column: x, scale: 2 }\n  b: *same";
    expect(parseJob({ map }).map.inputs.b).toEqual({ column: "x", scale: 2, offset: 0 });
  });

  test("a parsed spec is frozen at every level", () => {
    const spec = parseJob({ map: "keep: [id]\ninputs: { a: { shape: [1] } }" });
    const parts = [spec, spec.input, spec.input.path, spec.map.keep, spec.map.inputs.a?.shape];
    expect(parts.every((part) => Object.isFrozen(part))).toBe(true);
  });

  test.each([
    ["/jobs/digits/job.yaml", "digits"],
    ["/jobs/digits/nightly.yaml", "nightly"],
    ["/jobs/my digits!/job.yml", "my-digits-"],
    ["/job.yaml", "job"],
  ])("a job file at %s has the job name %s", (path, name) => {
    expect(parseJobText(aJobText(), { path, set: [], env: {} }).name).toBe(name);
  });
});

describe("variables in a job file", () => {
  test("variables are inserted into text, and are read as numbers where numbers are allowed", () => {
    const spec = parseJob({
      map: `batch:\n  rows: ${ref("ROWS")}`,
      rest: `name: ${ref("RUN")}\nreduce: { n: "SELECT '${ref("RUN")}'" }`,
      env: { ROWS: "256", RUN: "2024" },
    });
    expect(spec.map.batch.rows).toBe(256);
    expect(spec.name).toBe("2024");
    expect(spec.reduce.n?.final).toBe("SELECT '2024'");
  });

  test("a variable in quotes stays text", () => {
    const [problem] = problemsOfJob({ map: `batch:\n  rows: "${ref("ROWS")}"`, env: { ROWS: "256" } });
    expect(problem?.where).toBe("/jobs/digits/job.yaml:6:11 map.batch.rows");
  });

  test("a variable cannot add structure", () => {
    const spec = parseJob({ rest: `reduce:\n  n: ${ref("X")}`, env: { X: "{ final: y, combine: z }" } });
    expect(spec.reduce.n).toEqual({ final: "{ final: y, combine: z }" });
  });

  test("an unset variable is reported once, with its place", () => {
    expect(problemsOfJob({ map: `batch:\n  rows: ${ref("ROWS")}` })).toEqual([
      {
        where: "/jobs/digits/job.yaml:6:11 map.batch.rows",
        what: "environment variable `ROWS` is not set",
        expected: "a value in the environment",
        hint: `set it, or give a default: \`${ref("ROWS:-default")}\``,
      },
    ]);
  });

  test("a problem never shows the value of a variable, which may be a secret", () => {
    const problems = problemsOfJob({ map: `batch:\n  rows: ${ref("ROWS")}`, env: { ROWS: "hunter2" } });
    expect(problems).toHaveLength(1);
    expect(JSON.stringify(problems)).not.toContain("hunter2");
    expect(problems[0]?.found).toContain(ref("ROWS"));
  });
});

describe("the problems of a job file", () => {
  test("all problems are reported at once, in the order of the file, each with its place", () => {
    const text = `input: { pth: x }
model: { path: m.onnx, device: cdua }
map:
  inputs:
    image: { column: 3, scal: 2 }
  outputs:
    y: { op: argmx }
  keep: [y, 1]
  batch: { rows: 0 }
reduce:
  a/b: SELECT 1
  c: { combine: SELECT 1 }
outptu: { path: x }
`;
    const problems = problemsOf(text);
    expect(problems.map(({ where, hint }) => [where.replace("/jobs/digits/", ""), hint])).toEqual([
      ["job.yaml:1:1 input.path", undefined],
      ["job.yaml:1:1 output.path", undefined],
      ["job.yaml:1:10 input.pth", "did you mean `path`?"],
      ["job.yaml:2:32 model.device", "did you mean `cuda`?"],
      ["job.yaml:5:22 map.inputs.image.column", 'put it in quotes: "3"'],
      ["job.yaml:5:25 map.inputs.image.scal", "did you mean `scale`?"],
      ["job.yaml:7:8 map.outputs.y", undefined],
      ["job.yaml:7:14 map.outputs.y.op", "did you mean `argmax`?"],
      ["job.yaml:8:13 map.keep[1]", 'put it in quotes: "1"'],
      ["job.yaml:9:18 map.batch.rows", undefined],
      ['job.yaml:11:3 reduce."a/b"', undefined],
      ["job.yaml:12:3 reduce.c.final", undefined],
      ["job.yaml:13:1 outptu", "did you mean `output`?"],
    ]);
  });

  test("a problem has what was expected and what was found", () => {
    const [problem] = problemsOfJob({ map: "batch: { rows: many }" });
    expect(problem).toEqual({
      where: "/jobs/digits/job.yaml:5:18 map.batch.rows",
      what: "wrong type",
      expected: "`auto` or a whole number from 1 to 1,048,576",
      found: '"many"',
    });
  });

  test.each([
    ["an empty file", "", "input.path"],
    ["a list", "- a", ""],
    ["a number", "3", ""],
  ])("a job file without a group of keys is a problem: %s", (_name, text, path) => {
    expect(problemsOf(text)[0]?.where).toBe(`/jobs/digits/job.yaml:1:1${path && ` ${path}`}`);
  });

  test.each([
    ["column and columns", "inputs: { x: { column: a, columns: [b] } }", "map.inputs.x.column"],
    ["topK without k", "outputs: { y: { op: topK } }", "map.outputs.y.k"],
    ["k without topK", "outputs: { y: { op: argmax, k: 2 } }", "map.outputs.y.k"],
    ["k with the default op", "outputs: { y: { k: 2 } }", "map.outputs.y.k"],
    ["labels of a softmax", "outputs: { y: { op: softmax, labels: [a] } }", "map.outputs.y.labels"],
    ["the same column kept twice", "keep: [id, id]", "map.keep[1]"],
    ["an output named as a kept column", "keep: [y]\noutputs: { y: logits }", "map.outputs.y"],
    ["outputs that differ in case alone", "outputs: { y: a, Y: b }", "map.outputs.Y"],
    [
      "a topK that makes the column of another output",
      "outputs: { y: { op: topK, k: 1 }, y_values: a }",
      "map.outputs.y_values",
    ],
    ["a negative shape", "inputs: { x: { shape: [-1] } }", "map.inputs.x.shape[0]"],
    ["a shape of fractions", "inputs: { x: { shape: [1.5] } }", "map.inputs.x.shape[0]"],
    ["an infinite scale", "inputs: { x: { scale: .inf } }", "map.inputs.x.scale"],
    ["an offset that is not a number", "inputs: { x: { offset: .nan } }", "map.inputs.x.offset"],
    ["an empty list of columns", "inputs: { x: { columns: [] } }", "map.inputs.x.columns"],
    ["a batch beyond the limit", "batch: { rows: 1e12 }", "map.batch.rows"],
    ["an output without a value", "outputs: { y: }", "map.outputs.y"],
    ["a column without a name", 'inputs: { x: "" }', "map.inputs.x"],
  ])("a broken rule is a problem with its place: %s", (_name, map, path) => {
    expect(problemsOfJob({ map }).map(({ where }) => where.split(" ")[1])).toEqual([path]);
  });

  test.each([
    ["a name with a slash", "name: a/b", "name"],
    ["a name that begins with a dot", "name: .hidden", "name"],
    ["a negative limit of dead-lettered rows", "errors: { maxRows: -1 }", "errors.maxRows"],
    ["a reduction whose name is not a file name", "reduce: { ../x: SELECT 1 }", 'reduce."../x"'],
    ["a reduction without SQL", 'reduce: { x: "" }', "reduce.x"],
  ])("a broken rule outside of map is a problem with its place: %s", (_name, rest, path) => {
    expect(problemsOfJob({ rest }).map(({ where }) => where.split(" ")[1])).toEqual([path]);
  });

  test("a key that contains dots is shown in quotes", () => {
    const [problem] = problemsOfJob({ map: 'inputs: { "a.b": { scal: 1 } }' });
    expect(problem?.where).toBe('/jobs/digits/job.yaml:5:22 map.inputs."a.b".scal');
  });
});

describe("text that is not YAML", () => {
  test("all syntax errors are reported with their places", () => {
    expect(problemsOf("a: 1\nb: {p: 1\nc: 'x\n").map(({ where }) => where.replace(/.*yaml:/, ""))).toEqual([
      "3:1",
      "4:1",
    ]);
    expect(problemsOf("a: {p: 1\nb: 'x\n").length).toBeGreaterThan(1);
  });

  test("a reference in braces without quotes has a hint to add quotes", () => {
    expect(problemsOf(`model: { path: ${ref("M")} }`)[0]?.hint).toContain("put a reference in quotes");
  });

  test.each([
    ["a second document", `${aJobText()}---\na: 1\n`, "a second YAML document"],
    ["a repeated key", `${aJobText()}input: 3\n`, "twice"],
    ["an alias without its anchor", "input: *nothing", "anchor `&nothing`"],
    ["an anchor that contains itself", "a: &a [*a]", "nested too deeply"],
    ["a hundred thousand brackets", "[".repeat(100_000), "nested too deeply"],
    ["an unknown tag", "a: !secret x", "unresolved tag"],
    ["a date of YAML 1.1", "%YAML 1.1\n---\na: 2001-01-01", "not supported in a job file"],
    ["a key that is a list", "? [a]\n: 1", "cannot be a key"],
    ["the key __proto__", "__proto__: { input: 1 }", "cannot be a key"],
  ])("%s is refused", (_name, text, what) => {
    expect(problemsOf(text).map((problem) => problem.what)).toContainEqual(expect.stringContaining(what));
  });

  test("aliases that multiply exponentially are refused quickly", () => {
    const lines = ["a0: &a0 [x, x, x, x, x, x, x, x, x, x]"];
    for (let level = 1; level < 12; level += 1) {
      const alias = `*a${level - 1}`;
      lines.push(`a${level}: &a${level} [${Array.from({ length: 10 }, () => alias).join(", ")}]`);
    }
    expect(problemsOf(lines.join("\n"))[0]?.what).toContain("too many values");
  });
});
