import { copyFile, readFile } from "node:fs/promises";
import { join } from "node:path";
import { Int64, makeData, Utf8, vectorFromArray } from "apache-arrow";
import { expect, test } from "vitest";
import { ownMapping } from "../../shared/core/mapping.ts";
import { JobFolder } from "../support/job-folder.ts";
import { query, readManifestOf } from "../support/known-answer.ts";
import { runCli } from "../support/processes.ts";
import { only, tableOf } from "../support/sample-table.ts";
import { textModel } from "../support/text-model.ts";
import { TOKENIZERS_PATH } from "../support/tokenizers/path.ts";

/**
 * The mapping (shared/core/mapping.ts) decides which builds may contribute rows to one output. This fixed job
 * uses many features. Its stored result belongs to a version of the mapping. Its numbers are exact in
 * float32, so every machine computes the same.
 */
const KEPT = {
  mapping:
    "3 onnxruntime-node@1.30.0 @duckdb/node-bindings@1.5.6-r.1 apache-arrow@21.2.0 parquet-wasm@0.8.0 " +
    "lz4-napi@2.10.0 @anush008/tokenizers@0.6.0 sharp@0.35.5 " +
    "@wasm-audio-decoders/flac@0.2.11 @wasm-audio-decoders/ogg-vorbis@0.1.20 mpg123-decoder@1.0.3 " +
    "opus-decoder@0.7.12",
  rows: "cb42873d802e210c",
  counts: "689ead9489032d25",
};

const SOUGHT = `
The fixed job returns other bytes than before.
- If its mapping equals the stored one: raise MAPPING in shared/core/mapping.ts, or revert the change of the bytes.
- If a library's version differs: workers already differ by that. Write the new values to KEPT here.`;

async function fixedJob(): Promise<JobFolder> {
  const folder = await JobFolder.make({ files: 0 });
  await folder.write("model.onnx", textModel());
  await copyFile(join(TOKENIZERS_PATH, "wordpiece.json"), folder.at("tokenizer.json"));
  const { texts } = JSON.parse(await readFile(join(TOKENIZERS_PATH, "expected.json"), "utf8")) as {
    readonly texts: readonly string[];
  };
  const table = tableOf({
    id: makeData({ type: new Int64(), data: BigInt64Array.from(texts, (_, row) => BigInt(row)) }),
    body: only(vectorFromArray(texts, new Utf8())),
  });
  await folder.writeData("data/texts.parquet", table, 10);
  await folder.writeJob({
    input: { path: "./data", shardRows: 20 },
    map: {
      prepare: [
        { sql: "SELECT *, upper(body) AS loud FROM rows WHERE id % 7 <> 3" },
        { split: { column: "body", tokenizer: "./tokenizer.json", tokens: 12, overlap: 3 } },
      ],
      inputs: {
        input_ids: { column: "body", tokenizer: "./tokenizer.json", maxTokens: 100 },
        attention_mask: { mask: "input_ids" },
        token_type_ids: { types: "input_ids" },
      },
      outputs: { pooled: "pooled", seen: "seen", best: { tensor: "pooled", op: "argmax" } },
      keep: ["id", "loud", "part", "start", "end"],
      batch: { rows: 8 },
    },
    reduce: {
      counts: {
        combine: "SELECT best, count(*) AS n, sum(id) AS ids FROM rows GROUP BY best ORDER BY best",
        final:
          "SELECT best, sum(n)::BIGINT AS n, sum(ids)::BIGINT AS ids FROM partials GROUP BY best ORDER BY best",
      },
    },
  });
  return folder;
}

test("a fixed job with many features gives the same bytes as long as the mapping is the same", async () => {
  await using job = await fixedJob();
  expect(await runCli(["run", job.job, "--workers", "2"])).toMatchObject({ code: 0 });
  const { files, versions } = await readManifestOf(job);
  expect(versions.mapping).toBe(ownMapping());
  const digestOf = (kind: string) => files.find((file) => file.kind === kind)?.sha256.slice(0, 16);
  const [[rows] = []] = await query(`SELECT count(*) FROM '${job.out}/rows/*.parquet'`);
  expect(Number(rows)).toBeGreaterThan(50);
  // The job uses no function of V8 that differs between versions.
  const mapping = versions.mapping?.replace(/ v8@[\d.]+/, "");
  const found = { mapping, rows: digestOf("rows"), counts: digestOf("reduced") };
  expect(found, SOUGHT).toEqual(KEPT);
});
