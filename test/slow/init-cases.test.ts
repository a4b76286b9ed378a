import { copyFile, readFile } from "node:fs/promises";
import { join } from "node:path";
import { Binary, Int32, Utf8, vectorFromArray } from "apache-arrow";
import { expect, test } from "vitest";
import { openQuestions } from "../../extensions/init/draft-yaml.ts";
import { encodeParquet } from "../../shared/dataset/encode.ts";
import { imageFile, PILLOW } from "../support/image-files.ts";
import { initPlanRun } from "../support/init-run.ts";
import { JobFolder, WIDTH } from "../support/job-folder.ts";
import { query } from "../support/known-answer.ts";
import { needs } from "../support/needs.ts";
import { channelMeansModel, onnxModel } from "../support/onnx-model.ts";
import { runCli } from "../support/processes.ts";
import { embeddings, only, tableOf } from "../support/sample-table.ts";
import { REFERENCE, soundFile, wavFile } from "../support/sound-files.ts";
import { textHeadModel, textLogits } from "../support/text-head.ts";
import { TOKENIZERS_PATH } from "../support/tokenizers/path.ts";

/** Models of one kind each, with matching data. The draft of `init` runs unchanged. */

const SOUNDS = ["s16.wav", "s24.flac", "mono.mp3", "mono.ogg"];

function samplesOf(name: string): number {
  return REFERENCE.files[name]?.samples ?? 0;
}

test("init drafts a job over sounds of any length in cells, at the rate of the model's folder", async () => {
  await using folder = await JobFolder.make({ files: 0 });
  const model = onnxModel({
    inputs: [{ name: "input_values", dtype: "float32", dims: ["batch", "samples"] }],
    outputs: [{ name: "loudest", dtype: "float32", dims: ["batch"] }],
    nodes: [
      {
        op: "ReduceMax",
        inputs: ["input_values"],
        outputs: ["loudest"],
        attributes: { axes: [1], keepdims: 0 },
      },
    ],
  });
  await folder.write("m/model.onnx", model);
  await folder.write("m/preprocessor_config.json", JSON.stringify({ sampling_rate: 16_000 }));
  const waves = [0.25, 0.5].map((top, at) => wavFile([0, top, ...Array(at * 100).fill(0)]));
  const sounds = only(vectorFromArray(waves, new Binary()));
  await folder.writeData(
    "data/a.parquet",
    tableOf({ id: only(vectorFromArray([1, 2], new Int32())), sounds }),
  );
  const { yaml, out } = await initPlanRun(folder, "m", "data");
  expect(yaml).toContain("#   sounds: binary, of sounds with 16000 samples a second");
  expect(yaml).toContain("input_values: { column: sounds, sound: { rate: 16000 } }");
  expect(openQuestions(yaml)).toBe(0);
  expect(await query(`SELECT id, loudest FROM '${out}' ORDER BY id`)).toEqual([
    [1, 0.25],
    [2, 0.5],
  ]);
});

needs("csv-json")(
  "init drafts a job over the sound files of a table for a recurrent model, with its state",
  async () => {
    await using folder = await JobFolder.make({ files: 0 });
    const window = 400;
    const model = onnxModel({
      inputs: [
        { name: "x", dtype: "float32", dims: ["batch", window] },
        { name: "h", dtype: "float32", dims: [1, "batch", 1] },
        { name: "sr", dtype: "int64", dims: [] },
      ],
      outputs: [
        { name: "count", dtype: "float32", dims: ["batch", 1] },
        { name: "hn", dtype: "float32", dims: [1, "batch", 1] },
      ],
      nodes: [
        { op: "Cast", inputs: ["sr"], outputs: ["rate"], attributes: { to: 1 } },
        { op: "ReduceMax", inputs: ["x"], outputs: ["max"], attributes: { axes: [1], keepdims: 1 } },
        { op: "Mul", inputs: ["max", "zero"], outputs: ["none"] },
        { op: "Add", inputs: ["none", "rate"], outputs: ["step"] },
        { op: "Unsqueeze", inputs: ["step", "first"], outputs: ["step3"] },
        { op: "Add", inputs: ["h", "step3"], outputs: ["hn"] },
        { op: "Squeeze", inputs: ["hn", "first"], outputs: ["count"] },
      ],
      constants: [
        { name: "first", dtype: "int64", dims: [1], data: BigInt64Array.of(0n) },
        { name: "zero", dtype: "float32", dims: [], data: Float32Array.of(0) },
      ],
    });
    await folder.write("model.onnx", model);
    for (const name of SOUNDS) await folder.write(`clips/audio/${name}`, soundFile(name));
    const lines = SOUNDS.map((name, at) => `${at},audio/${name}\n`);
    await folder.write("clips/metadata.csv", `id,file_name\n${lines.join("")}`);
    const { yaml, out } = await initPlanRun(folder, "model.onnx", "clips/metadata.csv");
    expect(yaml).toContain("x: { column: file_name, sound: { rate: 16000, window: 400, folder: ./clips } }");
    expect(yaml).toContain("sr: { value: 16000 }");
    expect(yaml).toContain("state: { h: hn }");
    const last = await query(
      `SELECT id::INT, max(part)::INT + 1, max(count) / 16000 FROM '${out}' GROUP BY id ORDER BY id`,
    );
    const windows = SOUNDS.map((name) => Math.ceil(samplesOf(name) / window));
    expect(last).toEqual(windows.map((count, id) => [id, count, count]));
  },
);

needs("csv-json")(
  "init crops image files to the model's size when the folder gives only the shortest edge",
  async () => {
    await using folder = await JobFolder.make({ files: 0 });
    const model = channelMeansModel(12, 12);
    await folder.write("m/model.onnx", model);
    const preprocessor = {
      image_processor_type: "CLIPImageProcessor",
      size: { shortest_edge: 16 },
      resample: 3,
      image_mean: [0.485, 0.456, 0.406],
      image_std: [0.229, 0.224, 0.225],
    };
    await folder.write("m/preprocessor_config.json", JSON.stringify(preprocessor));
    const names = Object.keys(PILLOW.means);
    for (const name of names) await folder.write(`photos/files/${name}`, imageFile(name));
    const lines = names.map((name, id) => JSON.stringify({ id, photo: `files/${name}` }));
    await folder.write("photos/list.jsonl", lines.join("\n"));
    const { yaml, out } = await initPlanRun(folder, "m", "photos/list.jsonl");
    expect(yaml).toContain("#   photo: string, of images");
    expect(yaml).toContain("crop: { width: 12, height: 12 }");
    expect(yaml).toContain("folder: ./photos }");
    // The source of the crop, and the meaning of the three numbers.
    const requested = yaml.split("\n").filter((line) => line.includes("# TODO:"));
    expect(requested).toEqual([
      expect.stringContaining("the folder gives no `crop` with the shortest edge"),
      expect.stringContaining("what are these 3 numbers?"),
    ]);
    const rows = await query(`SELECT to_json(means) FROM '${out}' ORDER BY id`);
    expect(rows.map(([means]) => JSON.parse(String(means)))).toEqual(
      names.map((name) => PILLOW.means[name]?.map((mean) => expect.closeTo(mean, 5))),
    );
  },
);

test("init scales images to the size of a model without a configuration, and asks a question", async () => {
  await using folder = await JobFolder.make({ files: 0 });
  const model = onnxModel({
    inputs: [{ name: "x", dtype: "float32", dims: ["batch", 1, 8, 8] }],
    outputs: [{ name: "y", dtype: "float32", dims: ["batch", 1, 8, 8] }],
    nodes: [{ op: "Identity", inputs: ["x"], outputs: ["y"] }],
  });
  await folder.write("model.onnx", model);
  const names = ["rgb.jpg", "gray.png", "lossy.webp"];
  const photos = only(vectorFromArray(names.map(imageFile), new Binary()));
  const ids = only(vectorFromArray([0, 1, 2], new Int32()));
  await folder.writeData("data/photos.parquet", tableOf({ id: ids, photos }));
  const { yaml, out } = await initPlanRun(folder, "model.onnx", "data");
  expect(yaml).toContain("x: { column: photos, image: { resize: { width: 8, height: 8 }, channels: gray } }");
  expect(openQuestions(yaml)).toBe(1);
  const bright = `list_max(y::FLOAT[]) BETWEEN 0 AND 1`;
  expect(await query(`SELECT count(*)::INT FROM '${out}' WHERE ${bright}`)).toEqual([[3]]);
});

/** Texts, with the reference library's results for them and for pairs with the texts in reverse order. */
const WORDPIECE = JSON.parse(await readFile(join(TOKENIZERS_PATH, "expected.json"), "utf8"));
const TEXTS: readonly string[] = WORDPIECE.texts;
const { whole, pairs } = WORDPIECE.expected.wordpiece as Record<string, readonly Encoded[]>;

interface Encoded {
  readonly ids: readonly number[];
  readonly types: readonly number[];
}

/** @param config configuration of a folder with a model of texts, whose rows have an `id` */
async function aTextFolder(
  model: Uint8Array,
  config: object,
  columns: Readonly<Record<string, readonly string[]>>,
) {
  const folder = await JobFolder.make({ files: 0 });
  await folder.write("m/model.onnx", model);
  await folder.write("m/config.json", JSON.stringify(config));
  await folder.write("m/tokenizer_config.json", JSON.stringify({ model_max_length: 1000 }));
  await copyFile(join(TOKENIZERS_PATH, "wordpiece.json"), folder.at("m/tokenizer.json"));
  const ids = TEXTS.map((_, row) => row);
  const texts = Object.entries(columns).map(([name, values]) => [
    name,
    only(vectorFromArray(values, new Utf8())),
  ]);
  const table = tableOf({ id: only(vectorFromArray(ids, new Int32())), ...Object.fromEntries(texts) });
  await folder.writeData("data/texts.parquet", table);
  return folder;
}

test("init drafts a cross-encoder over two text columns, with a score for each pair", async () => {
  const config = { architectures: ["BertForSequenceClassification"], id2label: { 0: "LABEL_0" } };
  await using folder = await aTextFolder(textHeadModel(1), config, {
    passage: [...TEXTS].reverse(),
    query: TEXTS,
  });
  const { yaml, out } = await initPlanRun(folder, "m", "data");
  expect(yaml).toContain(
    "input_ids: { columns: [ query, passage ], tokenizer: ./m/tokenizer.json, maxTokens: 1000 }",
  );
  expect(yaml).toContain("token_type_ids: { types: input_ids }");
  expect(openQuestions(yaml)).toBe(0);
  const scores = await query(`SELECT id, score FROM '${out}' ORDER BY id`);
  expect(scores).toEqual(pairs?.map(({ ids, types }, row) => [row, textLogits(1, ids, types)[0]]));
});

test("init drafts a multi-label classifier, with the names of labels above a threshold", async () => {
  const names = ["sport", "politics", "science"];
  const config = {
    architectures: ["BertForSequenceClassification"],
    problem_type: "multi_label_classification",
    id2label: { ...names },
  };
  await using folder = await aTextFolder(textHeadModel(3), config, { body: TEXTS });
  const { yaml, out } = await initPlanRun(folder, "m", "data");
  expect(yaml).toContain("classes: { tensor: logits, op: threshold, threshold: 0.5 }");
  const rows = await query(`SELECT to_json(classes_labels) FROM '${out}' ORDER BY id`);
  const expected = whole?.map(({ ids }) => names.filter((_, at) => (textLogits(3, ids)[at] ?? 0) >= 0));
  expect(rows.map(([labels]) => JSON.parse(String(labels)))).toEqual(expected);
});

test("init drafts a token classifier, with spans of the text", async () => {
  const labels = ["O", "B-PER", "I-PER"];
  const config = { architectures: ["BertForTokenClassification"], id2label: { ...labels } };
  await using folder = await aTextFolder(textHeadModel(3, { ofTokens: true }), config, { body: TEXTS });
  const { yaml, out } = await initPlanRun(folder, "m", "data");
  expect(yaml).toMatch(
    / {2}finish:\n {4}- \{ spans: \{ logits: logits, text: body, offsets: places, column: spans \} \}\n/,
  );
  const columns = await query(`SELECT column_name FROM (DESCRIBE SELECT * FROM '${out}')`);
  expect(columns.flat()).toEqual(["id", "body", "spans"]);
  const wrong = `substring(body, s.start + 1, s."end" - s.start) <> s.text OR s.label <> 'PER'`;
  const unnested = `SELECT body, unnest(spans) AS s FROM '${out}'`;
  const counted = await query(`SELECT count(*) > 10, count(*) FILTER (${wrong})::INT FROM (${unnested})`);
  expect(counted).toEqual([[true, 0]]);
});

test("init counts texts that are too long, and suggests a step that splits them into passages", async () => {
  const config = { architectures: ["BertModel"], max_position_embeddings: 24 };
  await using folder = await aTextFolder(textHeadModel(3), config, { body: TEXTS });
  await folder.write("m/tokenizer_config.json", JSON.stringify({ model_max_length: 24 }));
  const { yaml, out } = await initPlanRun(folder, "m", "data");
  const long = whole?.filter(({ ids }) => ids.length > 24).length ?? 0;
  expect(long).toBeGreaterThan(0);
  expect(yaml).toContain(`# TODO: ${long} of ${TEXTS.length} rows in the sample have more than 24 tokens`);
  expect(await query(`SELECT count(*)::INT FROM '${out}'`)).toEqual([[TEXTS.length]]);
  const uncommented = yaml
    .replace(/^ {2}# (?=prepare:$| {2}- \{ split:)/gm, "  ")
    .replace("keep: [ id ]", "keep: [ id, part ]")
    .replace("path: ./out", "path: ./passages");
  await folder.write("made.yaml", uncommented);
  expect(await runCli(["run", "made.yaml", "--workers", "1"], { cwd: folder.path })).toMatchObject({
    code: 0,
  });
  const passages = `SELECT count(DISTINCT id)::INT, count(*)::INT > ${TEXTS.length} FROM '${folder.at("passages/rows/*.parquet")}'`;
  expect(await query(passages)).toEqual([[TEXTS.length, true]]);
});

test("init drafts by types alone when rows cannot be read, and gives the reason", async () => {
  await using folder = await JobFolder.make({ files: 0 });
  const names = only(vectorFromArray(["a", "b"], new Utf8()));
  const bytes = encodeParquet(tableOf({ names, x: embeddings(2, WIDTH) }), { rowGroupRows: 2 });
  bytes.fill(255, 4, 60);
  await folder.write("data/broken.parquet", bytes);
  const init = await runCli(["init", "--model", "model.onnx", "--input", "data", "-o", "-"], {
    cwd: folder.path,
  });
  expect([init.code, init.stderr]).toEqual([0, ""]);
  expect(init.stdout).toMatch(/^# The first rows could not be read: .*broken\.parquet/m);
  expect(init.stdout).toContain("input: { column: x }");
});
