import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { Field, Int64, List, makeData } from "apache-arrow";
import { ENCODER_VOCABULARY, encoderModel } from "../../extensions/node-check/models/encoder.ts";
import { encodeParquet } from "../../shared/dataset/encode.ts";
import { lcg } from "../../test/support/onnx-model.ts";
import { tableOf } from "../../test/support/sample-table.ts";
import { brownTokens } from "./brown-tokens.ts";
import type { WorkloadRecipe } from "./recipe.ts";

const FILE_ROWS = 2_000;
const MAX_ROWS = 1_000_000;

/** Sentence encoder of MiniLM's shape over real paragraphs: compute-bound, and padding costs like text. */
export const encoder: WorkloadRecipe = {
  version: 3,
  about:
    "paragraphs of the Brown corpus through a BERT-style encoder (6 x 384, 12 heads): compute-bound, uneven",
  defaultRows: 10_000,
  maxRows: MAX_ROWS,
  inputs: [
    { tensor: "input_ids", dtype: "int64", columns: ["input_ids"], rowDims: [null], scale: 1 },
    {
      tensor: "attention_mask",
      dtype: "int64",
      columns: null,
      rowDims: [null],
      scale: 1,
      mask: "input_ids",
    },
  ],
  outputs: [{ column: "embedding", tensor: "embedding", op: "raw" }],
  kept: ["id"],
  map: {
    inputs: { input_ids: "input_ids", attention_mask: { mask: "input_ids" } },
    batch: { tokens: "auto" },
  },
  model: encoderModel,
  writeRows,
};

/**
 * Writes paragraphs from the whole corpus, shuffled, so that every part has the same mix of lengths. Repeats
 * them when more rows are requested than the corpus has.
 */
async function writeRows(folder: string, rows: number): Promise<void> {
  const paragraphs = brownTokens(ENCODER_VOCABULARY);
  const step = Math.max(1, paragraphs.length / rows);
  const random = lcg(3);
  const order = Array.from({ length: rows }, (_, row) => ({ row, place: random() }));
  order.sort((a, b) => a.place - b.place);
  const chosen = order.map(({ row }) => {
    const tokens = paragraphs[Math.floor(row * step) % paragraphs.length];
    if (tokens === undefined) throw new Error("the corpus has no paragraphs");
    return tokens;
  });
  for (let start = 0; start < rows; start += FILE_ROWS) {
    const part = chosen.slice(start, start + FILE_ROWS);
    const path = join(folder, `part-${String(start / FILE_ROWS).padStart(3, "0")}.parquet`);
    await writeFile(path, encodeParquet(tokenTable(part, start)));
  }
}

function tokenTable(rows: readonly Int32Array[], firstId: number) {
  const valueOffsets = new Int32Array(rows.length + 1);
  for (const [row, { length }] of rows.entries()) valueOffsets[row + 1] = (valueOffsets[row] ?? 0) + length;
  const values = new BigInt64Array(valueOffsets[rows.length] ?? 0);
  for (const [row, tokens] of rows.entries()) {
    tokens.forEach((token, at) => {
      values[(valueOffsets[row] ?? 0) + at] = BigInt(token);
    });
  }
  const ids = BigInt64Array.from({ length: rows.length }, (_, row) => BigInt(firstId + row));
  return tableOf(
    {
      id: makeData({ type: new Int64(), data: ids }),
      input_ids: makeData({
        type: new List(new Field("item", new Int64(), false)),
        length: rows.length,
        nullCount: 0,
        valueOffsets,
        child: makeData({ type: new Int64(), data: values }),
      }),
    },
    false,
  );
}
