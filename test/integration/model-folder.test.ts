import { rm } from "node:fs/promises";
import { afterAll, beforeAll, expect, test } from "vitest";
import { JobFolder } from "../support/job-folder.ts";
import { query } from "../support/known-answer.ts";
import { mlpModel } from "../support/onnx-model.ts";
import { runCli } from "../support/processes.ts";
import { failing, refused } from "../support/refusals.ts";

/** Jobs whose model is a folder, as it was exported. */

const NAMES = ["negative", "neutral", "positive"];
const LABELS = JSON.stringify({ id2label: Object.fromEntries(NAMES.entries()) });
const MAP = { inputs: { input: "x" }, outputs: { label: { op: "argmax" } }, keep: ["id"] };

let job: JobFolder;
beforeAll(async () => {
  job = await JobFolder.make({ spec: { model: { path: "./exported" }, map: MAP, reduce: {} } });
  const model = mlpModel({ inputs: 4, hidden: 8, outputs: 3 });
  await job.write("exported/onnx/model.onnx", model);
  await job.write("exported/onnx/model_int8.onnx", "not looked at");
  await job.write("exported/config.json", LABELS);
});
afterAll(() => job[Symbol.asyncDispose]());

test("its labels are in the rows, plan shows what it says, and the same labels written out are the same job", async () => {
  const plan = await runCli(["plan", job.job, "--no-estimate"]);
  expect(plan.stdout).toMatch(/the model's folder says\n/);
  expect(plan.stdout).toMatch(/^model +onnx\/model\.onnx, not onnx\/model_int8\.onnx$/m);
  expect(plan.stdout).toMatch(/^labels +negative, neutral, positive$/m);
  expect((await runCli(["run", job.job, "--workers", "1"])).code).toBe(0);
  const labels = await query(`SELECT DISTINCT label FROM '${job.out}/rows/*.parquet' ORDER BY label`);
  expect(labels.length).toBeGreaterThan(0);
  expect(labels.flat().filter((label) => !NAMES.includes(String(label)))).toEqual([]);
  const again = await runCli(["run", job.job, "--set", `map.outputs.label.labels=[${NAMES}]`, "--json"]);
  expect(again.code, "it is published already").toBe(0);
  const other = await failing(["run", job.job, "--set", "map.outputs.label.labels=[a, b, c]"]);
  expect(other.error.code).toBe("OUTPUT_OCCUPIED");
});

test("other labels in the folder make another job", async () => {
  await job.write("exported/config.json", LABELS.replace("neutral", "mixed"));
  const other = await failing(["run", job.job]);
  expect(other.error.code).toBe("OUTPUT_OCCUPIED");
  await job.write("exported/config.json", LABELS);
});

test("labels that contradict themselves are told at the output that needs them", async () => {
  await using broken = await JobFolder.make({ spec: { model: { path: "./m" }, map: MAP, reduce: {} } });
  await broken.write("m/model.onnx", mlpModel({ inputs: 4, hidden: 8, outputs: 3 }));
  await broken.write("m/config.json", JSON.stringify({ id2label: { 0: "a", 1: "b", 3: "c" } }));
  const { error } = await refused(broken);
  expect(error).toMatchObject({
    code: "SPEC_INVALID",
    problems: [
      { where: expect.stringContaining("map.outputs.label"), found: expect.stringContaining('"3":"c"') },
    ],
  });
  await broken.write("m/config.json", "{ not JSON");
  expect((await refused(broken)).error).toMatchObject({
    code: "MODEL_INVALID",
    problems: [{ where: "config.json" }],
  });
});

test("of several models none is guessed, and model.file says which", async () => {
  await using several = await JobFolder.make({ spec: { model: { path: "./m" } } });
  await rm(several.at("model.onnx"));
  await several.write("m/onnx/a.onnx", mlpModel({ inputs: 4, hidden: 8, outputs: 3 }));
  await several.write("m/onnx/b.onnx", "no model");
  expect((await refused(several)).error).toMatchObject({
    code: "MODEL_INVALID",
    hint: expect.stringContaining("`onnx/a.onnx`, `onnx/b.onnx`"),
  });
  const plan = await runCli([
    "plan",
    several.job,
    "--no-estimate",
    "--set",
    "model.file=onnx/a.onnx",
    "--json",
  ]);
  expect(JSON.parse(plan.stdout)).toMatchObject({
    folder: { file: "onnx/a.onnx" },
    model: { path: several.at("m/onnx/a.onnx") },
  });
});
