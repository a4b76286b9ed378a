import { copyFile, readdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import { Int64, makeData, Utf8, vectorFromArray } from "apache-arrow";
import { expect } from "vitest";
import { NEVER } from "../../shared/core/abort.ts";
import { below, type Location } from "../../shared/domain/location.ts";
import { sourceOfBytes } from "../../shared/storage/put-source.ts";
import type { Storage } from "../../shared/storage/storage.ts";
import { withExternalData } from "./external-model.ts";
import { JobFolder } from "./job-folder.ts";
import type { MovableJob } from "./moved-job.ts";
import { only, tableOf } from "./sample-table.ts";
import { textModel } from "./text-model.ts";
import { TOKENIZERS_PATH } from "./tokenizers/path.ts";

const POOLING = JSON.stringify({ pooling_mode_mean_tokens: true, word_embedding_dimension: 4 });
const MODULES = JSON.stringify(
  ["Transformer", "Pooling", "Normalize"].map((name, at) => ({
    ...{ idx: at, name: String(at), type: `sentence_transformers.models.${name}` },
    path: at === 0 ? "" : `${at}_${name}`,
  })),
);
const STEP = `import { defineStep } from "shardmill";
export default defineStep({
  reads: { id: "int64" },
  columns: { twice: "int64" },
  row: ({ id }) => ({ twice: id * 2n }),
});
`;

/**
 * Makes a job of texts. Its model is a folder as users export it: weights in a separate file, the tokenizer,
 * and the pooling. Its rows pass a step of the user's own code. All files are in `job/here`.
 */
export async function makeTextJob(): Promise<JobFolder> {
  const job = await JobFolder.make({ files: 0 });
  const { texts } = JSON.parse(await readFile(join(TOKENIZERS_PATH, "expected.json"), "utf8"));
  const table = tableOf({
    id: makeData({ type: new Int64(), data: BigInt64Array.from(texts, (_, row) => BigInt(row)) }),
    body: only(vectorFromArray(texts, new Utf8())),
  });
  await job.writeData("here/texts/texts.parquet", table, 10);
  const { model, location, data } = withExternalData(textModel("last_hidden_state"));
  await job.write("here/m/onnx/model.onnx", model);
  await job.write(`here/m/onnx/${location}`, data);
  await copyFile(join(TOKENIZERS_PATH, "wordpiece.json"), job.at("here/m/tokenizer.json"));
  await job.write("here/m/tokenizer_config.json", JSON.stringify({ model_max_length: 20 }));
  await job.write("here/m/modules.json", MODULES);
  await job.write("here/m/1_Pooling/config.json", POOLING);
  await job.write("here/code/step.ts", STEP);
  await writeTextJob(job, "./here");
  return job;
}

/** Writes the job file again, with all of its files at another place. */
export async function writeTextJob(
  job: JobFolder,
  place: string,
  keys: Readonly<Record<string, unknown>> = {},
): Promise<void> {
  await job.writeJob({
    input: { path: `${place}/texts/texts.parquet` },
    model: { path: `${place}/m` },
    map: {
      inputs: { input_ids: "body" },
      outputs: { vector: "last_hidden_state" },
      keep: ["id", "twice"],
      prepare: [{ module: `${place}/code/step.ts` }],
    },
    reduce: {},
    ...keys,
  });
}

/** Describes the job of {@link makeTextJob}, with its movable files. */
export function movableTextJob(job: JobFolder): MovableJob {
  return {
    name: "texts",
    path: job.job,
    folder: job.at("here"),
    moved: ["texts", "m", "code"],
    settings: (place) => ({
      "input.path": `${place}/texts/texts.parquet`,
      "model.path": `${place}/m`,
      "map.prepare": `[{ module: "${place}/code/step.ts" }]`,
    }),
    fixed: { "model.device": "cpu", "map.batch.rows": "4" },
  };
}

/** Puts all files of the job into a bucket. */
export async function putTextJob(job: JobFolder, storage: Storage, bucket: Location): Promise<void> {
  for (const entry of await readdir(job.at("here"), { recursive: true, withFileTypes: true })) {
    if (!entry.isFile()) continue;
    const path = join(entry.parentPath, entry.name);
    const name = path.slice(job.at("here").length + 1);
    await storage.put(below(bucket, name), sourceOfBytes(await readFile(path)), { signal: NEVER });
  }
}

/** Returns the rows files of an output, as bytes. */
export async function rowsOf(job: JobFolder): Promise<Record<string, string>> {
  const names = (await readdir(job.at("out/rows"))).sort();
  expect(names.length).toBeGreaterThan(0);
  const read = names.map(async (name) => [
    name,
    (await readFile(job.at(`out/rows/${name}`))).toString("hex"),
  ]);
  return Object.fromEntries(await Promise.all(read));
}
