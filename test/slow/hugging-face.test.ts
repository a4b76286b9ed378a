import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { expect } from "vitest";
import { packageRoot } from "../../shared/core/package-root.ts";
import { initPlanRun } from "../support/init-run.ts";
import { JobFolder } from "../support/job-folder.ts";
import { query } from "../support/known-answer.ts";
import { needs } from "../support/needs.ts";
import { channelMeansModel, peakModel } from "../support/onnx-model.ts";
import { runCli } from "../support/processes.ts";

/** Files that Hugging Face's `datasets` wrote, and its own reading of them: see `hugging-face/make.py`. */

const fileOf = (name: string) => readFile(join(packageRoot, "test/support/hugging-face", name));
const EXPECTED: {
  readonly pictures: readonly (readonly [id: number, means: readonly number[], label: string])[];
  readonly sounds: readonly (readonly [id: number, peak: number])[];
} = JSON.parse((await fileOf("expected.json")).toString("utf8"));

/** Model that returns the mean of each channel. */
const COLOURS = channelMeansModel(6, 8);

const LOUDEST = peakModel(32);

async function jobOn(data: string, model: Uint8Array, map: object): Promise<JobFolder> {
  const job = await JobFolder.make({ files: 0, spec: { map: { ...map, keep: ["id"] }, reduce: {} } });
  await job.write("model.onnx", model);
  await job.write(`data/${data}`, await fileOf(data));
  return job;
}

needs("image")("images and names of classes that `datasets` wrote are read as it reads them", async () => {
  const labels = (column: string) => ({
    inputs: { pixel_values: { column: "image", image: {} } },
    outputs: { means: "means", label: { tensor: "means", op: "argmax", labels: { column } } },
  });
  await using job = await jobOn("pictures.parquet", COLOURS, labels("label"));
  expect(await runCli(["run", job.job, "--workers", "1"])).toMatchObject({ code: 0 });
  const rows = await query(
    `SELECT id, means, label FROM read_parquet('${job.out}/rows/*.parquet') ORDER BY id`,
  );
  expect(
    rows.map(([id, means, label]) => [id, Array.from(Object(means).items ?? means, Number), label]),
  ).toEqual(
    EXPECTED.pictures.map(([id, means, label]) => [id, means.map((mean) => expect.closeTo(mean, 5)), label]),
  );
  await using other = await jobOn("pictures.parquet", COLOURS, labels("labels"));
  const plan = await runCli(["plan", other.job]);
  expect(plan.code).not.toBe(0);
  expect(plan.stderr).toContain("the input names no classes of `labels`");
  expect(plan.stderr).toContain("`label`");
});

needs("image")("pictures in lists and structs are refused with the step that reads them", async () => {
  const jobFor = (column: string, prepare: readonly object[]) =>
    jobOn("lists.parquet", COLOURS, {
      prepare,
      inputs: { pixel_values: { column, image: {} } },
      outputs: { label: { tensor: "means", op: "argmax", labels: { column: "tags" } } },
    });
  // The rows of each column's pictures, by the rule of make.py.
  const names = ["red", "green", "blue"];
  const own = [0, 1, 2].flatMap((id) =>
    Array.from({ length: id + 1 }, (_, at) => [id, names[(id + at) % 3]]),
  );
  const expected = {
    images: own,
    pages: own,
    pair: [0, 1, 2].flatMap((id) => [0, 1].map((at) => [id, names[at]])),
    deep: [0, 1, 2].map((id) => [id, names[id]]),
  };
  for (const [column, rows] of Object.entries(expected)) {
    await using refused = await jobFor(column, []);
    const { code, stderr } = await runCli(["plan", refused.job, "--no-estimate"]);
    expect(code).toBe(2);
    expect(stderr).toContain(`column \`${column}\` holds no images`);
    const [, sql = "", made = ""] = /- sql: (SELECT .* AS "(\w+)" FROM rows)$/m.exec(stderr) ?? [];
    await using job = await jobFor(made, [{ sql }]);
    const ran = await runCli(["run", job.job, "--workers", "1"]);
    expect(ran, ran.stderr).toMatchObject({ code: 0 });
    expect(await query(`SELECT id, label FROM read_parquet('${job.out}/rows/*.parquet')`)).toEqual(rows);
  }
});

needs("image", "init")("init proposes the names of classes that `datasets` wrote", async () => {
  await using job = await jobOn("pictures.parquet", COLOURS, { inputs: {} });
  const { yaml, out } = await initPlanRun(job, "model.onnx", "data");
  expect(yaml).toContain("labels: { column: label }");
  expect(yaml).toContain("from column `label` of the data: red, green, blue");
  expect(await query(`SELECT id, label FROM '${out}' ORDER BY id`)).toEqual(
    EXPECTED.pictures.map(([id, , label]) => [id, label]),
  );
});

needs("sound")("sounds that `datasets` wrote are read as it reads them", async () => {
  const map = {
    inputs: { samples: { column: "audio", sound: { rate: 16_000 } } },
    outputs: { peak: "peak" },
  };
  await using job = await jobOn("sounds.parquet", LOUDEST, map);
  expect(await runCli(["run", job.job, "--workers", "1"])).toMatchObject({ code: 0 });
  const rows = await query(`SELECT id, peak FROM read_parquet('${job.out}/rows/*.parquet') ORDER BY id`);
  expect(rows).toEqual(EXPECTED.sounds.map(([id, peak]) => [id, expect.closeTo(peak, 6)]));
});
