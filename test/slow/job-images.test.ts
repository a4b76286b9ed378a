import { Binary, type Data, Int32, Utf8, vectorFromArray } from "apache-arrow";
import { expect, test } from "vitest";
import { claimingPng, imageFile, PILLOW } from "../support/image-files.ts";
import { JobFolder } from "../support/job-folder.ts";
import { query } from "../support/known-answer.ts";
import { channelMeansModel } from "../support/onnx-model.ts";
import { runCli } from "../support/processes.ts";
import { refused } from "../support/refusals.ts";
import { only, tableOf } from "../support/sample-table.ts";
import { startWebServer } from "../support/web-server.ts";

/** Jobs from image files to the model's output, compared with Pillow's results for the same files. */

const NAMES = Object.keys(PILLOW.means);

/** Prepared as in `images/make.py`. */
const IMAGE = {
  resize: { shortestEdge: 16 },
  crop: { width: 12, height: 12 },
  resample: "bicubic",
  mean: [0.485, 0.456, 0.406],
  std: [0.229, 0.224, 0.225],
};

/** Model that returns the mean of each channel. */
const MODEL = channelMeansModel();

async function imageJob(photos: Data, { image = IMAGE, maxRows = 0 }: { image?: object; maxRows?: number }) {
  const job = await JobFolder.make({
    files: 0,
    spec: {
      input: { path: "./data", shardRows: 8 },
      map: {
        inputs: { pixel_values: { column: "photo", image } },
        outputs: { means: "means" },
        keep: ["id"],
        batch: { rows: 4 },
      },
      reduce: {},
      errors: { maxRows },
    },
  });
  await job.write("model.onnx", MODEL);
  const ids = Array.from({ length: photos.length }, (_, row) => row);
  const table = tableOf({ id: only(vectorFromArray(ids, new Int32())), photo: photos });
  await job.writeData("data/photos.parquet", table, 8);
  return job;
}

const meansOf = async (job: JobFolder) => {
  const rows = await query(`SELECT id, means FROM read_parquet('${job.out}/rows/*.parquet') ORDER BY id`);
  return rows.map(([id, means]) => [id, Array.from(Object(means).items ?? means, Number)]);
};
const deadIn = (job: JobFolder) =>
  query(`SELECT row, stage, code, message FROM read_parquet('${job.out}/_errors/*.pq') ORDER BY row`);

const expected = (names: readonly string[]) =>
  names.map((name, id) => [id, PILLOW.means[name]?.map((mean) => expect.closeTo(mean, 5))]);

test("images in a column are decoded as Pillow decodes them, and invalid ones become dead letters", async () => {
  const cut = imageFile("rgb.jpg").subarray(0, 500);
  const bad = [cut, claimingPng(60_000, 60_000), null, Buffer.from("no image")];
  const cells = [...NAMES.map(imageFile), ...bad];
  await using job = await imageJob(only(vectorFromArray(cells, new Binary())), { maxRows: 4 });
  const run = await runCli(["run", job.job, "--workers", "1"]);
  expect(run).toMatchObject({ code: 3 });
  expect(await meansOf(job)).toEqual(expected(NAMES));
  const first = BigInt(NAMES.length);
  const says = (what: string) => expect.stringContaining(`the image in column \`photo\` ${what}`);
  expect(await deadIn(job)).toEqual([
    [first, "prepare", "ROW_VALUE", says("cannot be decoded: ")],
    [first + 1n, "prepare", "ROW_VALUE", says("declares 60000 x 60000 pixels, more than 67108864")],
    [first + 2n, "prepare", "ROW_NULL", "column `photo` is null"],
    [first + 3n, "prepare", "ROW_VALUE", says("is not a JPEG, PNG, WebP, GIF, TIFF or AVIF image")],
  ]);
});

test("images are found by paths relative to the job file and by web addresses", async () => {
  const [first = "", ...others] = NAMES;
  await using web = await startWebServer({ [`/${first}`]: imageFile(first) });
  const paths = [`${web.url}/${first}`, ...others.map((name) => `photos/${name}`)];
  const cells = [...paths, "photos/none.jpg", `${web.url}/none.jpg`];
  await using job = await imageJob(only(vectorFromArray(cells, new Utf8())), { maxRows: 2 });
  for (const name of others) await job.write(`photos/${name}`, imageFile(name));
  const plan = await runCli(["plan", job.job]);
  expect(plan.stdout).toMatch(/map\.inputs\.pixel_values\.image +photo +shardmill:pixel_values/);
  expect(await runCli(["run", job.job, "--workers", "1"])).toMatchObject({ code: 3 });
  expect(await meansOf(job)).toEqual(expected(NAMES));
  expect((await deadIn(job)).map(([row]) => Number(row))).toEqual([NAMES.length, NAMES.length + 1]);
});

test("all problems of image settings are reported at once before any work", async () => {
  const image = { ...IMAGE, resize: { shortestEdge: 16, pad: 3 }, std: [1, 1] };
  await using job = await imageJob(only(vectorFromArray(["a"], new Utf8())), { image });
  const { error } = await refused(job);
  expect(error.problems.map(({ where, what }) => [where.replace(/^.*job\.yaml:\d+:\d+ /, ""), what])).toEqual(
    [
      [expect.stringContaining("resize.pad"), "there is nothing to fill"],
      [expect.stringContaining("std"), "does not have one number for each channel"],
    ],
  );
  await using other = await imageJob(only(vectorFromArray([1], new Int32())), { image: { layout: "nhwc" } });
  const failed = await refused(other);
  expect(failed.error.problems.map(({ what }) => what)).toEqual([
    "column `photo` holds no images",
    "the model does not fix the size of images in `pixel_values`",
  ]);
});
