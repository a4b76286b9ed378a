import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { Binary, Int64, Utf8, vectorFromArray } from "apache-arrow";
import { expect } from "vitest";
import { parse } from "yaml";
import { packageRoot } from "../../shared/core/package-root.ts";
import { claimingPng, digestOf, imageFile, PILLOW } from "../support/image-files.ts";
import { JobFolder } from "../support/job-folder.ts";
import { query } from "../support/known-answer.ts";
import { needs } from "../support/needs.ts";
import { onnxModel } from "../support/onnx-model.ts";
import { runCli } from "../support/processes.ts";
import { only, tableOf } from "../support/sample-table.ts";
import { REFERENCE, soundFile } from "../support/sound-files.ts";

/** The job file's page shows jobs with columns of pixels and samples, which run here unchanged. */

const page = await readFile(join(packageRoot, "docs", "job-file.md"), "utf8");
const section = page.split("\n## Pixels and samples as columns\n")[1]?.split("\n## ")[0] ?? "";
const maps = [...section.matchAll(/^( *)```yaml\n(.*?)^ *```$/gms)].map(([, indent = "", yaml = ""]) => {
  return (parse(yaml.replaceAll(new RegExp(`^${indent}`, "gm"), "")) as { readonly map: object }).map;
});
const code = /^```ts\n\/\/ crop.ts\n(.*?)^```$/ms.exec(section)?.[1] ?? "";

const IMAGES = ["rgb.png", "lossless.webp", "gray.png"];
const SOUNDS = ["s16.wav", "f32.wav", "s24.flac"];

/** Writes a job over images and sounds. The last two images are refused. */
async function jobOf(map: object, spec: object = {}): Promise<JobFolder> {
  const photos = [...IMAGES.map(imageFile), imageFile("rgb.jpg").subarray(0, 300), claimingPng(8000, 8000)];
  const recordings = photos.map((_, row) => SOUNDS[row % SOUNDS.length] ?? "");
  const job = await JobFolder.make({ files: 0 });
  for (const name of SOUNDS) await job.write(`sounds/${name}`, soundFile(name));
  await job.writeData(
    "data/rows.parquet",
    tableOf({
      id: only(vectorFromArray([0n, 1n, 2n, 3n, 4n], new Int64())),
      photo: only(vectorFromArray(photos, new Binary())),
      recording: only(vectorFromArray(recordings, new Utf8())),
    }),
  );
  await job.write("crop.ts", code);
  await job.writeJob({ model: undefined, map, reduce: {}, errors: { maxRows: 2 }, ...spec });
  return job;
}

const rowsOf = (job: JobFolder, select: string) =>
  query(`SELECT ${select} FROM read_parquet('${job.out}/rows/*.parquet') ORDER BY id`);

needs("image", "code")(
  "own code crops the pixels of a step, and unusable images are dead letters",
  async () => {
    await using job = await jobOf(maps[0] ?? {});
    const plan = await runCli(["plan", job.job, "--no-estimate"]);
    expect(plan.stderr).toBe("");
    expect(plan.stdout).toMatch(/map\.prepare\[0\]\.image.*photo.*pixels list<uint8>, .*rgb, nhwc/);
    const ran = await runCli(["run", job.job, "--workers", "1", "--json"]);
    expect(ran, ran.stderr).toMatchObject({ code: 3 });

    // Pillow's pixels, by their digests, give the expected crops.
    const { pixelsOf } = await import("../extensions/image/image-fixtures.ts");
    const crops = await rowsOf(job, "id, crop");
    expect(crops).toHaveLength(IMAGES.length);
    for (const [row, name] of IMAGES.entries()) {
      const { width, height, data } = await pixelsOf(name);
      expect(digestOf(data), name).toBe(PILLOW.decoded[name]?.turned.rgb);
      const [left, top] = [Math.floor((width - 8) / 2), Math.floor((height - 6) / 2)];
      const expected = Array.from({ length: 144 }, (_, at) => {
        const [y, x] = [Math.floor(at / 24), at % 24];
        return data[3 * ((top + y) * width + left) + x];
      });
      const [, crop] = crops[row] ?? [];
      expect(JSON.parse(JSON.stringify(crop)), name).toEqual(expected);
    }
    const letters = await query(
      `SELECT row, code, message FROM read_parquet('${job.out}/_errors/*.pq') ORDER BY row`,
    );
    expect(letters).toEqual([
      [3n, "ROW_VALUE", expect.stringContaining("the JPEG is damaged")],
      [4n, "ROW_LENGTH", expect.stringContaining("8000 x 8000 and becomes 183.1 MiB, more than `maxBytes`")],
    ]);
  },
);

needs("sound")(
  "SQL reads the samples and frames of steps, whose folder is that of the job file",
  async () => {
    const map = JSON.parse(JSON.stringify(maps[1])) as { prepare: Record<string, Record<string, unknown>>[] };
    for (const step of map.prepare) Object.assign(step.sound ?? step.mel ?? {}, { folder: "./sounds" });
    await using job = await jobOf(map);
    const ran = await runCli(["run", job.job, "--workers", "1"]);
    expect(ran, ran.stderr).toMatchObject({ code: 0 });
    const rows = await rowsOf(job, "seconds, peak, mel_frames");
    for (const [row, [seconds, peak, frames]] of rows.entries()) {
      const known = REFERENCE.files[SOUNDS[row % SOUNDS.length] ?? ""];
      const samples = known?.samples ?? 0;
      expect(seconds).toBe(samples / 16_000);
      expect(frames).toBe(Math.floor(samples / 160));
      expect(peak).toBeGreaterThan(0.1);
    }
    expect(rows).toHaveLength(5);
  },
);

needs("image", "try")("a model gets the pixels of a step, and a tried row shows them briefly", async () => {
  const model = onnxModel({
    inputs: [{ name: "pixel_values", dtype: "float32", dims: ["batch", 3, 24, 32] }],
    outputs: [{ name: "mean", dtype: "float32", dims: ["batch", 3] }],
    nodes: [
      {
        op: "ReduceMean",
        inputs: ["pixel_values"],
        outputs: ["mean"],
        attributes: { axes: [2, 3], keepdims: 0 },
      },
    ],
  });
  await using job = await jobOf(maps[2] ?? {}, { model: { path: "./model.onnx", device: "cpu" } });
  await job.write("model.onnx", model);
  const ran = await runCli(["run", job.job, "--workers", "1"]);
  expect(ran, ran.stderr).toMatchObject({ code: 3 });
  const means = await rowsOf(job, "y");

  // The input `image` gives the same numbers with the same keys.
  const image = { resize: { width: 32, height: 24 } };
  const inputs = { pixel_values: { column: "photo", image } };
  await job.writeJob({
    ...{ model: { path: "./model.onnx", device: "cpu" }, reduce: {}, errors: { maxRows: 2 } },
    ...{ map: { inputs, outputs: { y: "mean" }, keep: ["id"] }, output: { path: "./again" } },
  });
  expect(await runCli(["run", job.job, "--workers", "1"])).toMatchObject({ code: 3 });
  const again = await query(`SELECT y FROM read_parquet('${job.at("again")}/rows/*.parquet') ORDER BY id`);
  expect(JSON.stringify(means)).toBe(JSON.stringify(again));

  const prepare = [{ image: { column: "photo" } }];
  await job.writeJob({ model: undefined, reduce: {}, map: { prepare, keep: ["id", "pixels"] } });
  const tried = await runCli(["try", job.job, "--rows", "1"]);
  expect(tried, tried.stderr).toMatchObject({ code: 0 });
  expect(tried.stdout).toMatch(/pixels +list<uint8> +7,869, 0 to 255, mean 135: 32 0 32/);
  expect(tried.stdout.length).toBeLessThan(3000);
});
