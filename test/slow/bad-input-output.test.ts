import { readdir, readFile } from "node:fs/promises";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { JobFolder } from "../support/job-folder.ts";
import { WITHOUT_ESTIMATE } from "../support/plan-options.ts";
import { runCli } from "../support/processes.ts";
import { refused } from "../support/refusals.ts";

let job: JobFolder;
beforeEach(async () => {
  job = await JobFolder.make({ files: 1 });
});
afterEach(() => job[Symbol.asyncDispose]());

describe("an unusable output", () => {
  test.each([[[]], [["--fresh"]]])(
    "a folder with other files is refused, and the files are named and unchanged (%j)",
    async (more) => {
      await job.write("out/thesis.tex", "ten years of work");
      await job.write("out/rows/a.csv", "1");
      const { code, error } = await refused(job, ["run", job.job, ...more]);
      expect([code, error.code]).toEqual([2, "OUTPUT_OCCUPIED"]);
      expect(error.problems).toEqual([
        {
          where: `${job.job}:24:9 output.path`,
          what: "the folder has files that Shardmill did not make",
          expected: "a folder that is empty or does not exist",
          found: "rows, thesis.tex",
        },
      ]);
      expect(await readFile(job.at("out/thesis.tex"), "utf8")).toBe("ten years of work");
    },
  );

  test("a file at the output's path is refused", async () => {
    await job.write("out", "mine");
    const { code, error } = await refused(job);
    expect([code, error.code]).toEqual([2, "OUTPUT_OCCUPIED"]);
    expect(error.message).toBe(`${job.out} is a file, not a folder`);
    expect(await readFile(job.out, "utf8")).toBe("mine");
  });

  test("a file in place of a parent folder is refused", async () => {
    await job.write("blob", "mine");
    await job.writeJob({ output: { path: "./blob/deep/out" } });
    const { code, error } = await refused(job);
    expect([code, error.code]).toEqual([2, "OUTPUT_OCCUPIED"]);
    expect(error.problems[0]).toMatchObject({
      what: `cannot be a folder: ${job.at("blob")} is a file`,
      found: job.at("blob"),
    });
    expect(await readFile(job.at("blob"), "utf8")).toBe("mine");
  });

  test("an output on /proc, where no folder can be created, fails with OUTPUT_FAILED", async () => {
    await job.writeJob({ output: { path: "/proc/shardmill/out" } });
    const { code, error } = await refused(job, ["run", job.job]);
    expect([code, error.code]).toEqual([1, "OUTPUT_FAILED"]);
    expect(error.message).toContain("the output folder cannot be written to: ENOENT");
    expect(error.hint).toContain("choose an output.path that can be written to");
  });

  test.each(["run", "plan"])("%s reports the output together with all other problems", async (command) => {
    await job.write("blob", "mine");
    await job.writeJob({
      input: { path: "./nowhere" },
      model: { path: "./none.onnx" },
      output: { path: "./blob" },
    });
    const { code, error } = await refused(job, [command, job.job]);
    expect(code).toBe(2);
    expect(error.problems.map(({ where }) => where.replace(/^.*:\d+:\d+ /, ""))).toEqual([
      job.at("nowhere"),
      job.at("none.onnx"),
      "output.path",
    ]);
  });

  test.each([
    ["the input's folder", "./data", "SPEC_INVALID"],
    ["a folder above the input", ".", "SPEC_INVALID"],
    ["the root", "/", "SPEC_INVALID"],
    ["a folder of the system", "/etc", "OUTPUT_OCCUPIED"],
    ["a name with a NUL", "./o\0ut", "SPEC_INVALID"],
    ["a name that is too long", `./${"o".repeat(300)}`, "OUTPUT_FAILED"],
  ])("plan refuses %s", async (_, path, code) => {
    await job.writeJob({ output: { path } });
    const { error } = await refused(job, ["plan", job.job, ...WITHOUT_ESTIMATE]);
    expect(error.code).toBe(code);
    if (code === "SPEC_INVALID") expect(error.problems[0]?.where).toContain("output.path");
  });

  test("plan creates no file or folder", async () => {
    await job.writeJob({ output: { path: "./deep/er/out" } });
    const planned = await runCli(["plan", job.job, ...WITHOUT_ESTIMATE]);
    expect(planned).toMatchObject({ code: 0 });
    expect((await readdir(job.path)).sort()).toEqual(["data", "job.yaml", "model.onnx"]);
  });
});
