import { Binary, type Data, Int32, Utf8, vectorFromArray } from "apache-arrow";
import { expect, test } from "vitest";
import { decodeAll } from "../extensions/sound/sound-fixtures.ts";
import { JobFolder } from "../support/job-folder.ts";
import { query } from "../support/known-answer.ts";
import { onnxModel } from "../support/onnx-model.ts";
import { runCli } from "../support/processes.ts";
import { refused } from "../support/refusals.ts";
import { only, tableOf } from "../support/sample-table.ts";
import { soundFile, wavFile } from "../support/sound-files.ts";

/** Jobs from sound files through a recurrent model. */

const WINDOW = 400;

/**
 * Model that returns the largest sample of a window, and the largest so far in its row. `hn` is `[1, batch,
 * 1]`.
 */
const MODEL = onnxModel({
  inputs: [
    { name: "x", dtype: "float32", dims: ["batch", "samples"] },
    { name: "h", dtype: "float32", dims: [1, "batch", 1] },
  ],
  outputs: [
    { name: "y", dtype: "float32", dims: ["batch", 1] },
    { name: "hn", dtype: "float32", dims: [1, "batch", 1] },
  ],
  nodes: [
    { op: "ReduceMax", inputs: ["x"], outputs: ["max"], attributes: { axes: [1], keepdims: 1 } },
    { op: "Unsqueeze", inputs: ["max", "first"], outputs: ["max3"] },
    { op: "Add", inputs: ["h", "max3"], outputs: ["hn"] },
    { op: "Squeeze", inputs: ["hn", "first"], outputs: ["y"] },
  ],
  constants: [{ name: "first", dtype: "int64", dims: [1], data: BigInt64Array.of(0n) }],
});

const NAMES = ["s16.wav", "s24.flac", "f32.wav", "s16.flac", "u8.wav"];

interface Also {
  readonly maxRows?: number;
  readonly state?: object;
  readonly batchRows?: number;
  readonly where?: string;
}

async function soundJob(cells: Data, sound: object, also: Also = {}) {
  const { maxRows = 0, state = { h: "hn" }, batchRows = 3, where } = also;
  const job = await JobFolder.make({
    files: 0,
    spec: {
      input: { path: "./data", shardRows: 4, ...(where === undefined ? {} : { where }) },
      map: {
        inputs: { x: { column: "sound", sound } },
        state,
        outputs: { y: "y" },
        keep: ["id", "part", "start"],
        batch: { rows: batchRows },
      },
      reduce: {},
      errors: { maxRows },
    },
  });
  await job.write("model.onnx", MODEL);
  const ids = Array.from({ length: cells.length }, (_, row) => row);
  const table = tableOf({ id: only(vectorFromArray(ids, new Int32())), sound: cells });
  await job.writeData("data/sounds.parquet", table, 4);
  return job;
}

/** Computes the model's answers for the windows of a file, one after another. */
async function expected(bytes: Uint8Array): Promise<readonly number[]> {
  const { channels } = await decodeAll(bytes);
  const [first = new Float32Array()] = channels;
  const mono = first.map(
    (_, at) => channels.reduce((sum, data) => sum + (data[at] ?? 0), 0) / channels.length,
  );
  let sum = 0;
  return Array.from({ length: Math.ceil(mono.length / WINDOW) }, (_, part) => {
    const window = [...mono.subarray(part * WINDOW, (part + 1) * WINDOW)];
    sum += Math.max(...window, ...(window.length < WINDOW ? [0] : []));
    return sum;
  });
}

test("windows of sounds pass a recurrent model with their state, and invalid sounds become dead letters", async () => {
  const cut = soundFile("s16.wav").subarray(0, 900);
  const bad = [cut, wavFile([]), null, Buffer.from("no sound")];
  const cells = only(vectorFromArray([...NAMES.map(soundFile), ...bad], new Binary()));
  await using job = await soundJob(cells, { rate: 16_000, window: WINDOW }, { maxRows: bad.length });
  expect(await runCli(["run", job.job, "--workers", "2"])).toMatchObject({ code: 3 });
  const rows = await query(
    `SELECT id, part, start, y FROM read_parquet('${job.out}/rows/*.parquet') ORDER BY id, part`,
  );
  const wanted: unknown[] = [];
  for (const [id, name] of NAMES.entries()) {
    for (const [part, sum] of (await expected(soundFile(name))).entries())
      wanted.push([id, part, (part * WINDOW) / 16_000, expect.closeTo(sum, 4)]);
  }
  expect(rows).toEqual(wanted);
  const dead = await query(
    `SELECT row, stage, code, message FROM read_parquet('${job.out}/_errors/*.pq') ORDER BY row`,
  );
  const says = (what: string) => expect.stringContaining(`the sound in column \`sound\` ${what}`);
  expect(dead).toEqual([
    [5n, "prepare", "ROW_VALUE", says("is cut off: of 6400 bytes of samples it has")],
    [6n, "prepare", "ROW_VALUE", says("has no samples")],
    [7n, "prepare", "ROW_NULL", "column `sound` is null"],
    [8n, "prepare", "ROW_VALUE", says("is not a WAV, FLAC, MP3, Ogg Vorbis or Ogg Opus file")],
  ]);
});

test.each([1, 2, 5])(
  "a state stays with its row when other rows are filtered or fail, in batches of %d",
  async (batchRows) => {
    const files = NAMES.flatMap((name) => [soundFile(name), Buffer.from("no sound"), soundFile(name)]);
    const where = "id % 3 <> 2 OR id > 9";
    const cells = only(vectorFromArray(files, new Binary()));
    const sound = { rate: 16_000, window: WINDOW };
    await using job = await soundJob(cells, sound, { maxRows: NAMES.length, batchRows, where });
    expect(await runCli(["run", job.job, "--workers", "1"])).toMatchObject({ code: 3 });
    const wanted: unknown[] = [];
    for (const [id, file] of files.entries()) {
      if (id % 3 === 1 || (id % 3 === 2 && id <= 9)) continue;
      for (const [part, sum] of (await expected(file)).entries())
        wanted.push([id, part, expect.closeTo(sum, 4)]);
    }
    const rows = `SELECT id, part, y FROM read_parquet('${job.out}/rows/*.parquet') ORDER BY id, part`;
    expect(await query(rows)).toEqual(wanted);
    const dead = `SELECT row FROM read_parquet('${job.out}/_errors/*.pq') ORDER BY row`;
    expect(await query(dead)).toEqual([[1n], [4n], [7n], [10n], [13n]]);
  },
);

test("the plan shows the windows of sounds and the source of a state", async () => {
  await using job = await soundJob(only(vectorFromArray(["sounds/s16.wav"], new Utf8())), {
    ...{ rate: 8000, window: WINDOW, hop: 100, context: 20 },
  });
  await job.write("sounds/s16.wav", soundFile("s16.wav"));
  const { stdout } = await runCli(["plan", job.job]);
  expect(stdout).toMatch(/map\.inputs\.x\.sound .*8000 samples a second, mono, windows of 400 after 20/);
  expect(stdout).toMatch(/h +float32 \[1, N, 1\] +output hn of the row's previous part, zeros for the first/);
});

test("invalid settings of sounds and states are reported before any work", async () => {
  const cells = only(vectorFromArray(["a"], new Utf8()));
  await using job = await soundJob(cells, { window: WINDOW, hop: 500 }, { state: { x: "hn" } });
  const { error } = await refused(job);
  expect(error.problems.map(({ where, what }) => [where.replace(/^.*job\.yaml:\d+:\d+ /, ""), what])).toEqual(
    [
      ["map.inputs.x.sound.hop", "skips samples between the windows"],
      ["map.state.x", "is fed by `map.inputs` already"],
    ],
  );
});
