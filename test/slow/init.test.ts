import { cp, mkdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import { Binary, Float32, Int32, Table, vectorFromArray } from "apache-arrow";
import { expect, test } from "vitest";
import { packageRoot } from "../../shared/core/package-root.ts";
import { imageFile, PILLOW } from "../support/image-files.ts";
import { initPlanRun } from "../support/init-run.ts";
import { JobFolder } from "../support/job-folder.ts";
import { query } from "../support/known-answer.ts";
import { needs } from "../support/needs.ts";
import { channelMeansModel, mlpModel } from "../support/onnx-model.ts";
import { WITHOUT_ESTIMATE } from "../support/plan-options.ts";
import { runCli } from "../support/processes.ts";
import { failing } from "../support/refusals.ts";
import { only, tableOf } from "../support/sample-table.ts";
import { idsTable, maskedMeanModel, unevenIds } from "../support/uneven-model.ts";

/** Returns `${NAME}`. */
const ref = (name: string): string => `\${${name}}`;

/** Drafts of `init` are planned and run by the commands that they name. */

test("init drafts the digits example with ids, labels and scores", async () => {
  await using folder = await JobFolder.make({ files: 0 });
  const examples = join(packageRoot, "examples/digits");
  await cp(join(examples, "data"), folder.at("digits"), { recursive: true });
  await cp(join(examples, "model.onnx"), folder.at("digits.onnx"));
  const { out } = await initPlanRun(folder, "digits.onnx", "digits/*.parquet");
  expect(await query(`SELECT count(*)::INT, count(DISTINCT id)::INT, max(label) FROM '${out}'`)).toEqual([
    [10_000, 10_000, 9],
  ]);
});

test("init drafts a classifier with the class names of the model's folder", async () => {
  await using folder = await JobFolder.make({ files: 1 });
  await folder.write("m/onnx/model.onnx", mlpModel({ inputs: 4, hidden: 8, outputs: 3 }));
  await folder.write("m/config.json", JSON.stringify({ id2label: { 0: "no", 1: "maybe", 2: "yes" } }));
  const { yaml, out } = await initPlanRun(folder, "./m", "data");
  expect(yaml).toContain("# The folder says: labels: no, maybe, yes");
  const labels = (await query(`SELECT DISTINCT label FROM '${out}'`)).flat();
  expect(labels.filter((label) => !["no", "maybe", "yes"].includes(String(label)))).toEqual([]);
});

test("init drafts a job over lists of uneven length, with a mask made from the ids", async () => {
  await using folder = await JobFolder.make({ files: 0 });
  await folder.write("encoder.onnx", maskedMeanModel());
  await folder.writeData("data/ids.parquet", idsTable(unevenIds(60, 20)));
  const { yaml, out } = await initPlanRun(folder, "encoder.onnx", "data");
  expect(yaml).toContain("attention_mask: { mask: input_ids }");
  expect(await query(`SELECT count(*)::INT FROM '${out}'`)).toEqual([[60]]);
});

test("init drafts images by the folder's preprocessor, with the same result as Pillow", async () => {
  await using folder = await JobFolder.make({ files: 0 });
  const model = channelMeansModel();
  await folder.write("m/model.onnx", model);
  const preprocessor = {
    image_processor_type: "CLIPImageProcessor",
    size: { shortest_edge: 16 },
    do_center_crop: true,
    crop_size: { width: 12, height: 12 },
    resample: 3,
    image_mean: [0.485, 0.456, 0.406],
    image_std: [0.229, 0.224, 0.225],
  };
  await folder.write("m/preprocessor_config.json", JSON.stringify(preprocessor));
  const names = Object.keys(PILLOW.means);
  const ids = only(
    vectorFromArray(
      names.map((_, row) => row),
      new Int32(),
    ),
  );
  const photos = only(vectorFromArray(names.map(imageFile), new Binary()));
  await folder.writeData("data/photos.parquet", tableOf({ id: ids, pixel_values: photos }));
  const { out } = await initPlanRun(folder, "m", "data");
  const rows = await query(`SELECT means FROM '${out}' ORDER BY id`);
  expect(rows.map(([means]) => Array.from(Object(means).items ?? means, Number))).toEqual(
    names.map((name) => PILLOW.means[name]?.map((mean) => expect.closeTo(mean, 5))),
  );
});

test("init pools token vectors by the settings in 1_Pooling", async () => {
  await using folder = await JobFolder.make({ files: 0 });
  await folder.write("m/onnx/model.onnx", maskedMeanModel());
  await folder.write("m/1_Pooling/config.json", JSON.stringify({ pooling_mode_mean_tokens: true }));
  await folder.write(
    "m/modules.json",
    JSON.stringify([{ type: "x.Transformer" }, { type: "x.Pooling" }, { type: "x.Normalize" }]),
  );
  await folder.writeData("data/ids.parquet", idsTable(unevenIds(30, 20)));
  const { yaml, out } = await initPlanRun(folder, "m", "data");
  expect(yaml).toContain("embedding: { tensor: tokens, op: pool, pool: mean, normalize: true }");
  const lengths = await query(
    `SELECT round(sqrt(list_sum(list_transform(embedding::FLOAT[], x -> x * x))), 4) FROM '${out}'`,
  );
  expect(
    lengths
      .flat()
      .filter((length) => length !== 0)
      .map(Number),
  ).toEqual(
    lengths
      .flat()
      .filter((l) => l !== 0)
      .map(() => 1),
  );
});

test("init quotes column names that have another meaning in YAML or SQL", async () => {
  await using folder = await JobFolder.make({ files: 0 });
  const names = ["on", "1.5", 'a "b": c', "größe #1", ref("HOME"), "null", "<<"];
  const width = names.length;
  await folder.write("table.onnx", mlpModel({ inputs: width, hidden: 4, outputs: 2 }));
  const columns = names.map((_, at) => vectorFromArray([at, at + 1, at + 2], new Float32()));
  const table = new Table(Object.fromEntries(names.map((name, at) => [name, columns[at]])) as never);
  await folder.writeData("data/table.parquet", table);
  const { yaml, out } = await initPlanRun(folder, "table.onnx", "data");
  expect(yaml).toContain("# TODO: no column looks like an id");
  expect(await query(`SELECT count(*)::INT FROM '${out}'`)).toEqual([[3]]);
});

test("init prints with `-o -`, and replaces an existing file only with --force", async () => {
  await using folder = await JobFolder.make();
  const cwd = folder.path;
  const args = ["init", "--model", "model.onnx", "--input", "data"];
  const before = await readFile(folder.job, "utf8");
  const error = (await failing(args, { cwd })).error;
  expect(error).toMatchObject({ code: "OUTPUT_OCCUPIED", fields: { path: "job.yaml" } });
  expect(await readFile(folder.job, "utf8")).toBe(before);
  const printed = await runCli([...args, "-o", "-"], { cwd });
  expect(printed.code).toBe(0);
  expect((await runCli([...args, "--force"], { cwd })).code).toBe(0);
  expect(await readFile(folder.job, "utf8")).toBe(printed.stdout);
});

test("a draft in another folder has paths relative to that folder, and an unused output", async () => {
  await using folder = await JobFolder.make();
  await mkdir(folder.at("jobs/out"), { recursive: true });
  const args = ["init", "--model", "model.onnx", "--input", "data", "-o", "jobs/a.yaml"];
  expect((await runCli(args, { cwd: folder.path })).code).toBe(0);
  const yaml = await readFile(folder.at("jobs/a.yaml"), "utf8");
  expect(yaml).toMatch(/path: \.\.\/data$/m);
  expect(yaml).toMatch(/path: \.\.\/model\.onnx$/m);
  expect(yaml).toMatch(/path: \.\/out-2$/m);
  expect((await runCli(["plan", "jobs/a.yaml", ...WITHOUT_ESTIMATE], { cwd: folder.path })).code).toBe(0);
});

needs("csv-json")("init detects decimal commas in CSV, and sets them in the draft", async () => {
  await using folder = await JobFolder.make({ files: 0 });
  await folder.write("m.onnx", mlpModel({ inputs: 2, hidden: 3, outputs: 2 }));
  await folder.write("data.csv", "a;b\n1,5;2\n3;4,25\n");
  const { yaml, out } = await initPlanRun(folder, "m.onnx", "data.csv");
  expect(yaml).toContain('csv: { decimal: "," }');
  expect(await query(`SELECT count(*)::INT FROM '${out}'`)).toEqual([[2]]);
});

test("a draft without fitting columns has TODO lines, and plan refuses it", async () => {
  await using folder = await JobFolder.make({ files: 0 });
  await folder.writeData("data/text.parquet", new Table({ body: vectorFromArray(["a", "b"]) }));
  const cwd = folder.path;
  const init = await runCli(["init", "--model", "model.onnx", "--input", "data", "-o", "made.yaml"], { cwd });
  expect(init.code).toBe(0);
  expect(init.stdout).toMatch(/3 lines with TODO: need your decision/);
  expect((await failing(["plan", "made.yaml"], { cwd })).error.code).toBe("SPEC_INVALID");
});

test.each([
  [["--model", "model.onnx"], "ARGUMENT_INVALID"],
  [["--input", "data", "--ask-key", "KEY"], "ARGUMENT_INVALID"],
  [["--model", "model.onnx", "--input", "data", "--model", "model.onnx"], "ARGUMENT_INVALID"],
  // No keys are configured for it.
  [["--model", "s3://bucket/model.onnx", "--input", "data"], "MODEL_NOT_FOUND"],
  [["--model", "model.onnx", "--input", "data", "--frobnicate"], "ARGUMENT_INVALID"],
  [["--model", "model.onnx", "--input", "data", "extra"], "ARGUMENT_INVALID"],
  [["--model", "modle.onnx", "--input", "data"], "MODEL_NOT_FOUND"],
  [["--model", "model.onnx", "--input", "date"], "INPUT_NOT_FOUND"],
  [["--model", "data", "--input", "data"], "MODEL_NOT_FOUND"],
])("invalid arguments exit with code 2 and write nothing: %j", async (args, expected) => {
  await using folder = await JobFolder.make({ files: 1 });
  const { code, error } = await failing(["init", ...args, "-o", "made.yaml"], { cwd: folder.path });
  expect([code, error.code]).toEqual([2, expected]);
  await expect(readFile(folder.at("made.yaml"))).rejects.toMatchObject({ code: "ENOENT" });
});
