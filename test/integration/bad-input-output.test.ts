import { readFile } from "node:fs/promises";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { JobFolder } from "../support/job-folder.ts";
import { refused } from "../support/refusals.ts";

let job: JobFolder;
beforeEach(async () => {
  job = await JobFolder.make({ files: 1 });
});
afterEach(() => job[Symbol.asyncDispose]());

describe("an output that cannot be is refused before any work", () => {
  test.each([[[]], [["--fresh"]]])(
    "somebody's files are there (%j): they are named and not touched",
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

  test("a file is there", async () => {
    await job.write("out", "mine");
    const { code, error } = await refused(job);
    expect([code, error.code]).toEqual([2, "OUTPUT_OCCUPIED"]);
    expect(error.message).toBe(`${job.out} is a file, not a folder`);
    expect(await readFile(job.out, "utf8")).toBe("mine");
  });

  test("a file is where a folder above it would be", async () => {
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

  test("nothing can be made there, not even by root, on a file system that never says why", async () => {
    await job.writeJob({ output: { path: "/proc/shardmill/out" } });
    const { code, error } = await refused(job);
    expect([code, error.code]).toEqual([1, "OUTPUT_FAILED"]);
    expect(error.message).toContain("the output folder cannot be written to: ENOENT");
    expect(error.hint).toContain("choose an output.path that can be written to");
  });
});
