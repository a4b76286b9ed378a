import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { JobFolder, USUAL_JOB } from "../support/job-folder.ts";
import { refused } from "../support/refusals.ts";

let job: JobFolder;
beforeEach(async () => {
  job = await JobFolder.make({ files: 1 });
});
afterEach(() => job[Symbol.asyncDispose]());

/** Runs `shardmill run job.yaml`, which must refuse the job file, and returns the problems. */
async function problemsOf(args?: readonly string[]) {
  const { code, error, stderr } = await refused(job, args);
  expect([code, error.code]).toEqual([2, "SPEC_INVALID"]);
  // The text for people contains the same problems.
  for (const { where, what } of error.problems) expect(stderr).toContain(`  ${where}: ${what}`);
  return error.problems;
}

describe("an argument that is not a job file", () => {
  test("a missing file is refused with the nearest name", async () => {
    const path = job.at("jbo.yaml");
    expect(await problemsOf(["run", path])).toEqual([
      {
        where: path,
        what: "there is no such file",
        expected: "a job file in YAML",
        hint: "did you mean `job.yaml`?",
      },
    ]);
  });

  test("a folder is refused with the names of the job files in it", async () => {
    expect(await problemsOf(["run", job.path])).toEqual([
      expect.objectContaining({ what: "this is a folder", hint: "name the job file itself: job.yaml" }),
    ]);
  });

  test("a model is refused because it is not UTF-8 text", async () => {
    const [problem] = await problemsOf(["run", job.at("model.onnx")]);
    expect(problem?.what).toBe("the file is not UTF-8 text");
  });

  test("a file that is not YAML is refused with line and column", async () => {
    await job.write("job.yaml", "name: x\ninput:\n\tpath: ./data\n");
    expect(await problemsOf()).toEqual([
      { where: `${job.job}:3:1`, what: "tabs are not allowed as indentation" },
    ]);
  });
});

describe("a job file with mistakes", () => {
  test("has all mistakes reported at once, with place and nearest name", async () => {
    await job.writeJob({
      model: { pth: "./model.onnx" },
      map: { ...USUAL_JOB.map, keeep: ["id"], batch: { rows: "lots" } },
    });
    const problems = await problemsOf();
    expect(problems.map(({ where, what, hint }) => [where.replace(job.job, ""), what, hint])).toEqual([
      [":5:1 model.path", "required, but missing", undefined],
      [":6:3 model.pth", "unknown key `pth`", "did you mean `path`?"],
      [":17:11 map.batch.rows", "wrong type", undefined],
      [":18:3 map.keeep", "unknown key `keeep`", "did you mean `keep`?"],
    ]);
    expect(problems[2]).toMatchObject({
      expected: "`auto` or a whole number from 1 to 1,048,576",
      found: '"lots"',
    });
  });

  test("mistakes in --set are reported with the option as it was typed", async () => {
    const sets = ["--set", "map.batch.row=12", "--set", "map.batch.rows=many", "--set", "nokey"];
    const problems = await problemsOf(["run", job.job, ...sets]);
    expect(problems).toEqual([
      expect.objectContaining({ where: "--set map.batch.rows=many", what: "wrong type", found: '"many"' }),
      expect.objectContaining({ where: "--set map.batch.row=12", hint: "did you mean `rows`?" }),
      expect.objectContaining({
        where: "--set nokey",
        what: "not a key and a value",
        expected: "KEY=VALUE, as in map.batch.rows=256",
      }),
    ]);
  });

  test("a missing environment variable is reported with its place", async () => {
    await job.writeJob({ output: { path: `\${SHARDMILL_TEST_UNSET}/out` } });
    expect(await problemsOf()).toEqual([
      {
        where: `${job.job}:24:9 output.path`,
        what: "environment variable `SHARDMILL_TEST_UNSET` is not set",
        expected: "a value in the environment",
        hint: `set it, or give a default: \`\${SHARDMILL_TEST_UNSET:-default}\``,
      },
    ]);
  });

  test("is refused by plan and submit with the same problem", async () => {
    await job.writeJob({ ouput: { path: "x" } });
    for (const command of ["plan", "submit"]) {
      expect(await problemsOf([command, job.job])).toEqual([
        expect.objectContaining({ what: "unknown key `ouput`", hint: "did you mean `output`?" }),
      ]);
    }
  });
});

describe("a map that does not fit the model and the data", () => {
  test("missing columns and tensors are reported with the nearest name", async () => {
    await job.writeJob({
      map: { inputs: { imput: "x" }, outputs: { best: "logit" }, keep: ["idd"] },
    });
    const problems = await problemsOf();
    const told = problems.map(({ where, what, hint }) => [where.replace(`${job.job}:`, ""), what, hint]);
    expect(told).toContainEqual([
      "10:12 map.inputs.imput",
      "the model has no input `imput`",
      "did you mean `input`?",
    ]);
    expect(told).toContainEqual([
      "12:5 map.outputs.best.tensor",
      "the model has no output `logit`",
      "did you mean `logits`?",
    ]);
    expect(told).toContainEqual(["14:7 map.keep[0]", "no column `idd`", "did you mean `id`?"]);
  });
});
