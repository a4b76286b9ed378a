import { copyFile, readFile, rm } from "node:fs/promises";
import { join } from "node:path";
import { Int64, makeData, Utf8, vectorFromArray } from "apache-arrow";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { JobFolder } from "../support/job-folder.ts";
import { query } from "../support/known-answer.ts";
import { mlpModel } from "../support/onnx-model.ts";
import { WITHOUT_ESTIMATE } from "../support/plan-options.ts";
import { runCli } from "../support/processes.ts";
import { failing, refused } from "../support/refusals.ts";
import { only, tableOf } from "../support/sample-table.ts";
import { textModel, textPooled } from "../support/text-model.ts";
import { TOKENIZERS_PATH } from "../support/tokenizers/path.ts";

/** Jobs whose model is an exported folder. */

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

test("labels of the folder are in the rows, and the same labels in the job file are the same job", async () => {
  const plan = await runCli(["plan", job.job, ...WITHOUT_ESTIMATE]);
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

test("contradictory labels are reported at the output that needs them", async () => {
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

test("a folder with several models is refused without model.file", async () => {
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
    ...WITHOUT_ESTIMATE,
    "--set",
    "model.file=onnx/a.onnx",
    "--json",
  ]);
  expect(JSON.parse(plan.stdout)).toMatchObject({
    folder: { file: "onnx/a.onnx" },
    model: { path: several.at("m/onnx/a.onnx") },
  });
});

describe("a folder with a tokenizer", () => {
  const TEXT_MAP = { inputs: { input_ids: "body" }, outputs: { seen: "seen" }, keep: ["id"] };
  let texts: JobFolder;
  let expected: readonly { readonly ids: readonly number[] }[];

  beforeAll(async () => {
    const known = JSON.parse(await readFile(join(TOKENIZERS_PATH, "expected.json"), "utf8"));
    expected = known.expected.wordpiece.whole;
    texts = await JobFolder.make({
      files: 0,
      spec: { input: { path: "./data" }, model: { path: "./m" }, map: TEXT_MAP, reduce: {} },
    });
    const bodies: readonly string[] = known.texts;
    const table = tableOf({
      id: makeData({ type: new Int64(), data: BigInt64Array.from(bodies, (_, row) => BigInt(row)) }),
      body: only(vectorFromArray(bodies, new Utf8())),
      title: only(vectorFromArray(bodies, new Utf8())),
    });
    await texts.writeData("data/texts.parquet", table, 10);
    await texts.write("m/model.onnx", textModel("last_hidden_state"));
    await copyFile(join(TOKENIZERS_PATH, "wordpiece.json"), texts.at("m/tokenizer.json"));
    await texts.write("m/tokenizer_config.json", JSON.stringify({ model_max_length: 1000 }));
  });
  afterAll(() => texts[Symbol.asyncDispose]());

  test("requires only the text column, and is the same job as with all settings written out", async () => {
    const plan = await runCli(["plan", texts.job, ...WITHOUT_ESTIMATE]);
    expect(plan.stdout).toMatch(/^map\.inputs\.input_ids\.tokenizer +tokenizer\.json +tokenizer\.json$/m);
    expect(plan.stdout).toMatch(
      /^map\.inputs\.input_ids\.maxTokens +1000 +tokenizer_config\.json: model_max_length$/m,
    );
    expect(plan.stdout).toMatch(/^attention_mask .*mask of input_ids$/m);
    expect(await runCli(["run", texts.job, "--workers", "1"])).toMatchObject({ code: 0 });
    const rows = await query(`SELECT id, to_json(seen) FROM '${texts.out}/rows/*.parquet' ORDER BY id`);
    expect(rows.map(([, seen]) => JSON.parse(String(seen)))).toEqual(expected.map(({ ids }) => ids));
    const written = await runCli([
      ...["run", texts.job, "--json"],
      ...["--set", "map.inputs.input_ids.tokenizer=./m/tokenizer.json"],
      ...["--set", "map.inputs.attention_mask.mask=input_ids"],
    ]);
    expect(written.code, "it is published already").toBe(0);
    const shorter = await failing(["run", texts.job, "--set", "map.inputs.input_ids.maxTokens=12"]);
    expect(shorter.error.code).toBe("OUTPUT_OCCUPIED");
    await texts.write("m/tokenizer_config.json", JSON.stringify({ model_max_length: 12 }));
    const own = ["--set", "output.path=./out-cut"];
    const cut = await runCli(["run", texts.job, "--workers", "1", "--json", ...own]);
    const longer = expected.filter(({ ids }) => ids.length > 12).length;
    expect(longer).toBeGreaterThan(0);
    expect(JSON.parse(cut.stdout)).toMatchObject({ rowsTruncated: longer });
    expect((await failing(["run", texts.job])).error.code).toBe("OUTPUT_OCCUPIED");
    await texts.write("m/tokenizer_config.json", JSON.stringify({ model_max_length: 1000 }));
  });

  test("pools and normalizes token vectors by its modules unless the job has other settings", async () => {
    const modules = ["Transformer", "Pooling", "Normalize"].map((name, at) => ({
      ...{ type: `sentence_transformers.models.${name}`, path: at === 0 ? "" : `${at}_${name}` },
    }));
    await texts.write("m/modules.json", JSON.stringify(modules));
    await texts.write("m/1_Pooling/config.json", JSON.stringify({ pooling_mode_mean_tokens: true }));
    const said = [
      "--set",
      "map.outputs={ v: last_hidden_state }",
      "--set",
      `output.path=${texts.at("pooled")}`,
    ];
    const plan = await runCli(["plan", texts.job, ...WITHOUT_ESTIMATE, ...said]);
    expect(plan.stdout).toMatch(/^map\.outputs\.v\.op +pool +1_Pooling\/config\.json$/m);
    expect(plan.stdout).toMatch(/^map\.outputs\.v\.normalize +true +modules\.json$/m);
    expect(await runCli(["run", texts.job, "--workers", "1", ...said])).toMatchObject({ code: 0 });
    const rows = await query(`SELECT id, to_json(v) FROM '${texts.at("pooled")}/rows/*.parquet' ORDER BY id`);
    for (const [id, vector] of rows) {
      const { ids = [] } = expected[Number(id)] ?? {};
      const pooled = textPooled(ids, []);
      const length = Math.hypot(...pooled);
      const close = pooled.map((value) => expect.closeTo(value / length, 5));
      expect(JSON.parse(String(vector)), `row ${String(id)}`).toEqual(close);
    }
    expect(rows).toHaveLength(expected.length);
    const raw = await runCli([
      "plan",
      texts.job,
      ...WITHOUT_ESTIMATE,
      ...said,
      "--set",
      "map.outputs.v.op=raw",
    ]);
    expect(raw.stdout).toMatch(/^v +last_hidden_state float32 \[N, positions, 4\]$/m);
    await texts.write("m/modules.json", JSON.stringify([...modules, { type: "x.Dense", path: "3_Dense" }]));
    expect((await failing(["plan", texts.job, ...said])).error).toMatchObject({
      problems: [
        {
          where: expect.stringContaining("map.outputs.v"),
          what: expect.stringContaining("modules.json: type has Dense"),
        },
      ],
    });
    await rm(texts.at("m/modules.json"));
    await rm(texts.at("m/1_Pooling"), { recursive: true });
  });

  test("tokenizes text from a step up to the folder's length limit", async () => {
    const plan = await runCli([
      ...["plan", texts.job, ...WITHOUT_ESTIMATE, "--json"],
      ...["--set", 'map.prepare=[{ sql: "SELECT *, upper(body) AS loud FROM rows" }]'],
      ...["--set", "map.inputs.input_ids=loud"],
    ]);
    expect(JSON.parse(plan.stdout).map.prepare).toMatchObject([
      { op: { kind: "sql" } },
      { op: { kind: "tokenize", texts: ["loud"], maxTokens: 1000 } },
    ]);
  });

  test("does not guess the text column, and refuses text settings for a number column", async () => {
    const unnamed = await failing(["plan", texts.job, "--set", "map.inputs={}"]);
    expect(unnamed.error).toMatchObject({
      code: "SPEC_INVALID",
      problems: [
        { where: expect.stringContaining("map.inputs.input_ids"), found: "columns of text: `body`, `title`" },
      ],
    });
    const numbers = await failing([
      "plan",
      texts.job,
      "--set",
      "map.inputs.input_ids={column: id, maxTokens: 9}",
    ]);
    expect(numbers.error).toMatchObject({
      problems: [{ where: expect.stringContaining("map.inputs.input_ids.maxTokens") }],
    });
  });
});
