import { copyFile, readFile } from "node:fs/promises";
import { JobFolder } from "./job-folder.ts";
import { query } from "./known-answer.ts";

const FOLDER = new URL("./stages/", import.meta.url);

/** Row that Python's onnxruntime ran through both models, see `stages/make.py`. */
export interface StagesRow {
  readonly id: number;
  /** Null: the first model fails on the row. */
  readonly embedding: readonly number[] | null;
  /** Null: one of the models fails on the row. */
  readonly logits: readonly number[] | null;
}

/** Stages of the job: an encoder of uneven rows, and a classifier of its embedding. */
export const STAGES = [
  {
    name: "encoder",
    model: { path: "./encoder.onnx", device: "cpu" },
    inputs: { ids: "ids", mask: { mask: "ids" } },
    outputs: { vector: "embedding" },
    keep: ["id", "kind"],
  },
  {
    name: "classifier",
    model: { path: "./classifier.onnx", device: "cpu" },
    inputs: { embedding: "vector", kind: "kind" },
    outputs: { logits: "logits" },
    keep: ["id", "vector"],
  },
] as const;

/** Makes a job with two stages, and the rows that both models answered in Python. */
export async function stagesJob(
  map: object = { stages: STAGES },
  spec: object = {},
): Promise<{ readonly job: JobFolder; readonly rows: readonly StagesRow[] }> {
  const path = new URL("rows.json", FOLDER).pathname;
  const rows: StagesRow[] = JSON.parse(await readFile(path, "utf8"));
  const job = await JobFolder.make({
    files: 0,
    spec: {
      input: { path: "./in.parquet", shardRows: 64 },
      ...{ model: undefined, map, reduce: {}, errors: { maxRows: 100 }, ...spec },
    },
  });
  for (const name of ["encoder.onnx", "classifier.onnx"]) await copyFile(new URL(name, FOLDER), job.at(name));
  const select = `SELECT id, ids::BIGINT[] AS ids, kind FROM read_json('${path}')`;
  await query(`COPY (${select}) TO '${job.at("in.parquet")}' (ROW_GROUP_SIZE 64)`);
  return { job, rows };
}
