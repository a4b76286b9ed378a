import { expect } from "vitest";
import { imageFile, PILLOW } from "./image-files.ts";
import { JobFolder } from "./job-folder.ts";
import { query } from "./known-answer.ts";
import { channelMeansModel, peakModel } from "./onnx-model.ts";
import { REFERENCE } from "./sound-files.ts";

/** Jobs whose rows are files, and the answers of Pillow and soundfile. */

/** Prepared as in `images/make.py`. */
const IMAGE = {
  resize: { shortestEdge: 16 },
  crop: { width: 12, height: 12 },
  resample: "bicubic",
  mean: [0.485, 0.456, 0.406],
  std: [0.229, 0.224, 0.225],
};

/** Samples of a window, as in `sounds/make.py`. */
const WINDOW = 400;

export const PICTURES = Object.keys(PILLOW.means);
export const SOUNDS = Object.keys(REFERENCE.largest);

/** Returns the folder of a picture, the name of its class. */
export function classOf(name: string): string {
  return PICTURES.indexOf(name) % 2 === 0 ? "cats" : "dogs";
}

/** Paths of the pictures below their root, in the order of the dataset. */
export const PICTURE_PATHS = PICTURES.map((name) => `${classOf(name)}/${name}`).sort();

interface FileJob {
  /** Keys of `input`. */
  readonly input: Readonly<Record<string, unknown>>;
  readonly keep?: readonly string[];
  readonly maxRows?: number;
}

/** Makes a job over pictures. The test writes the files. */
export async function pictureJob({ input, keep = ["path"], maxRows = 0 }: FileJob): Promise<JobFolder> {
  const map = {
    inputs: { pixel_values: { column: "content", image: IMAGE } },
    outputs: { means: "means" },
    keep,
    batch: { rows: 4 },
  };
  const spec = { input, map, reduce: {}, errors: { maxRows } };
  const job = await JobFolder.make({ files: 0, spec });
  await job.write("model.onnx", channelMeansModel());
  return job;
}

/** Writes all pictures into folders of their classes. */
export async function writePictures(job: JobFolder, folder = "photos"): Promise<void> {
  for (const name of PICTURES) await job.write(`${folder}/${classOf(name)}/${name}`, imageFile(name));
}

/** Makes a job over windows of sounds. The test writes the files. */
export async function soundRowsJob(input: FileJob["input"]): Promise<JobFolder> {
  const map = {
    inputs: { samples: { column: "content", sound: { rate: 16_000, window: WINDOW } } },
    outputs: { peak: "peak" },
    keep: ["path", "part"],
    batch: { rows: 4 },
  };
  const job = await JobFolder.make({ files: 0, spec: { input, map, reduce: {} } });
  await job.write("model.onnx", peakModel());
  return job;
}

/** Checks that each path has the means that Pillow has for its file. */
export async function expectMeans(job: JobFolder, paths: readonly string[], rows = "rows"): Promise<void> {
  const found = await query(
    `SELECT path, means FROM read_parquet('${job.out}/${rows}/*.parquet') ORDER BY path`,
  );
  const means = found.map(([path, items]) => [path, Array.from(Object(items).items ?? items, Number)]);
  expect(means).toEqual(
    paths.map((path) => [
      path,
      PILLOW.means[path.slice(path.lastIndexOf("/") + 1)]?.map((mean) => expect.closeTo(mean, 5)),
    ]),
  );
}

/** Checks that each window of each sound has the largest sample that soundfile reads in it. */
export async function expectLargest(job: JobFolder): Promise<void> {
  const found = await query(
    `SELECT path, peak FROM read_parquet('${job.out}/rows/*.parquet') ORDER BY path, part`,
  );
  const expected = SOUNDS.toSorted().flatMap((name) =>
    REFERENCE.largest[name]?.map((largest) => [name, expect.closeTo(largest, 5)]),
  );
  expect(found.map(([path, peak]) => [path, Number(peak)])).toEqual(expected);
}
