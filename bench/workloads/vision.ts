import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { FixedSizeBinary, Int64, makeData } from "apache-arrow";
import { classifierModel } from "../../extensions/node-check/models/classifier.ts";
import { encodeParquet } from "../../shared/dataset/encode.ts";
import { lcg } from "../../test/support/onnx-model.ts";
import { tableOf } from "../../test/support/sample-table.ts";
import type { WorkloadRecipe } from "./recipe.ts";

const CHANNELS = 3;
const SIDE = 64;
const IMAGE_BYTES = CHANNELS * SIDE * SIDE;
const FILE_ROWS = 5_000;

/** Small images through a small residual network: compute-bound. A row of 12 KiB becomes 48. */
export const vision: WorkloadRecipe = {
  version: 2,
  about: "uint8 images of 3 x 64 x 64 through a small residual network: compute-bound, big inputs",
  defaultRows: 40_000,
  maxRows: 10_000_000,
  inputs: [
    {
      tensor: "image",
      dtype: "float32",
      columns: ["image"],
      rowDims: [CHANNELS, SIDE, SIDE],
      scale: 1 / 255,
    },
  ],
  outputs: [
    { column: "class", tensor: "logits", op: "argmax" },
    { column: "score", tensor: "logits", op: "maxSoftmax" },
  ],
  kept: ["id"],
  map: { inputs: { image: { column: "image", scale: 1 / 255 } } },
  model: () => classifierModel(SIDE),
  writeRows,
};

async function writeRows(folder: string, rows: number): Promise<void> {
  for (let start = 0; start < rows; start += FILE_ROWS) {
    const count = Math.min(FILE_ROWS, rows - start);
    const data = new Uint8Array(count * IMAGE_BYTES);
    for (let row = 0; row < count; row += 1) paint(data.subarray(row * IMAGE_BYTES), start + row);
    const table = tableOf(
      {
        id: makeData({
          type: new Int64(),
          data: BigInt64Array.from({ length: count }, (_, row) => BigInt(start + row)),
        }),
        image: makeData({ type: new FixedSizeBinary(IMAGE_BYTES), length: count, nullCount: 0, data }),
      },
      false,
    );
    const path = join(folder, `part-${String(start / FILE_ROWS).padStart(3, "0")}.parquet`);
    await writeFile(path, encodeParquet(table));
  }
}

/** Paints a disc on a gradient, with camera noise, so that the image compresses as badly as a photograph. */
function paint(image: Uint8Array, seed: number): void {
  const random = lcg(seed + 1);
  const [x, y, radius] = [SIDE * random(), SIDE * random(), 6 + 20 * random()];
  for (let channel = 0; channel < CHANNELS; channel += 1) {
    const [light, disc, slope] = [160 * random(), 60 * random(), random()];
    for (let row = 0; row < SIDE; row += 1) {
      for (let column = 0; column < SIDE; column += 1) {
        const inside = (column - x) ** 2 + (row - y) ** 2 < radius ** 2;
        const noise = Math.floor(16 * random());
        image[(channel * SIDE + row) * SIDE + column] =
          light + (inside ? disc : 0) + slope * row * 0.3 + noise;
      }
    }
  }
}
