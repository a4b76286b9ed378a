import { Binary, Int32, Utf8, vectorFromArray } from "apache-arrow";
import { expect, test } from "vitest";
import { openQuestions } from "../../cli/render/draft-yaml.ts";
import { encodeParquet } from "../../shared/dataset/encode.ts";
import { initPlanRun } from "../support/init-run.ts";
import { JobFolder, WIDTH } from "../support/job-folder.ts";
import { query } from "../support/known-answer.ts";
import { onnxModel } from "../support/onnx-model.ts";
import { runCli } from "../support/processes.ts";
import { embeddings, only, tableOf } from "../support/sample-table.ts";
import { REFERENCE, soundFile, wavFile } from "../support/sound-files.ts";

/** Models of one kind each, with data that they are for: what `init` writes runs as it is. */

const SOUNDS = ["s16.wav", "s24.flac", "mono.mp3", "mono.ogg"];

function samplesOf(name: string): number {
  return REFERENCE.files[name]?.samples ?? 0;
}

test("sounds in cells, of any length: a row for each, at the folder's rate", async () => {
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

test("sounds that a table names, through a recurrent model of windows: their state goes along", async () => {
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
});

test("rows that cannot be read are no reason for no draft: it says that it goes by types alone, and why", async () => {
  await using folder = await JobFolder.make({ files: 0 });
  const names = only(vectorFromArray(["a", "b"], new Utf8()));
  const bytes = encodeParquet(tableOf({ names, x: embeddings(2, WIDTH) }), { rowGroupRows: 2 });
  bytes.fill(255, 4, 60);
  await folder.write("data/broken.parquet", bytes);
  const init = await runCli(["init", "--model", "model.onnx", "--input", "data", "-o", "-"], {
    cwd: folder.path,
  });
  expect([init.code, init.stderr]).toEqual([0, ""]);
  expect(init.stdout).toMatch(/^# The first rows could not be looked at: .*broken\.parquet/m);
  expect(init.stdout).toContain("input: { column: x }");
});
