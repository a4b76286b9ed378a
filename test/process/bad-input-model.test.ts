import { truncate } from "node:fs/promises";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { JobFolder, USUAL_JOB } from "../support/job-folder.ts";
import { refused } from "../support/refusals.ts";

let job: JobFolder;
beforeEach(async () => {
  job = await JobFolder.make({ files: 1 });
});
afterEach(() => job[Symbol.asyncDispose]());

const useModel = (path: string) => job.writeJob({ model: { ...USUAL_JOB.model, path } });

describe("a model that cannot be used", () => {
  const cases: Record<string, () => Promise<unknown>> = {
    "the file contains garbage": () => job.write("model.onnx", "this is no model ".repeat(50)),
    "the file is empty": () => job.write("model.onnx", ""),
    "the file is truncated": () => truncate(job.at("model.onnx"), 200),
  };
  test.each(Object.entries(cases))("is refused before any work when %s", async (_name, harm) => {
    await harm();
    const { code, error } = await refused(job);
    expect([code, error.code, error.fields.path]).toEqual([2, "MODEL_INVALID", job.at("model.onnx")]);
    expect(error.message).toContain("the model cannot be loaded");
    expect(error.hint).toBe("check that this is an ONNX file and that it was copied whole");
  });

  test("is refused when it is a Parquet file", async () => {
    await useModel("./data/part-0.parquet");
    const { code, error } = await refused(job);
    expect([code, error.code]).toEqual([2, "MODEL_INVALID"]);
    expect(error.fields.path).toBe(job.at("data/part-0.parquet"));
  });

  test("is refused when it is a folder without a model", async () => {
    await useModel("./data");
    const { code, error } = await refused(job);
    expect([code, error.code, error.hint]).toEqual([
      2,
      "MODEL_NOT_FOUND",
      "no file in it, or in its folder onnx, ends in .onnx",
    ]);
  });

  test("is refused with the nearest name when it is missing", async () => {
    await useModel("./modle.onnx");
    const { code, error, stderr } = await refused(job);
    expect([code, error.code]).toEqual([2, "MODEL_NOT_FOUND"]);
    expect(stderr).toBe(
      `error: there is no model at ${job.at("modle.onnx")} (MODEL_NOT_FOUND)\n\nhint: did you mean \`model.onnx\`?\n`,
    );
  });

  test("is reported at once with the input when both are missing", async () => {
    await job.writeJob({ input: { path: "./dta" }, model: { ...USUAL_JOB.model, path: "./modle.onnx" } });
    const { code, error } = await refused(job);
    expect(code).toBe(2);
    expect(error.problems.map(({ where, hint }) => [where, hint])).toEqual([
      [job.at("dta"), "did you mean `data`?"],
      [job.at("modle.onnx"), "did you mean `model.onnx`?"],
    ]);
  });
});
