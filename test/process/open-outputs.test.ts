import { copyFile, readFile } from "node:fs/promises";
import { expect, test } from "vitest";
import { JobFolder } from "../support/job-folder.ts";
import { query } from "../support/known-answer.ts";
import { runCli } from "../support/processes.ts";

/**
 * Models whose outputs have open dimensions, run as jobs. Python's onnxruntime ran each row alone, see
 * `test/support/shapes/make.py`. DuckDB writes the input and reads the output.
 */

const CASES = new URL("../support/shapes/", import.meta.url);

/** Types of the input's list columns. */
const TYPES = { frames: "x::FLOAT[] AS x", boxes: "x::FLOAT[6] AS x", pairs: "ids::BIGINT[] AS ids" };

/** A job for one of the models, with the rows that Python computed. */
async function openJob(name: keyof typeof TYPES, map: object) {
  const path = new URL(`${name}.json`, CASES).pathname;
  const rows: Record<string, unknown>[] = JSON.parse(await readFile(path, "utf8"));
  const job = await JobFolder.make({
    files: 0,
    spec: {
      input: { path: "./in.parquet", shardRows: 16 },
      map: { keep: ["id"], ...map },
      reduce: {},
    },
  });
  await copyFile(new URL(`${name}.onnx`, CASES), job.at("model.onnx"));
  const select = `SELECT id, ${TYPES[name]} FROM read_json('${path}')`;
  await query(`COPY (${select}) TO '${job.at("in.parquet")}' (ROW_GROUP_SIZE 16)`);
  return { job, rows };
}

async function published({ out, job }: JobFolder, columns: readonly string[]) {
  const ran = await runCli(["run", job, "--workers", "1", "--json"]);
  expect(ran).toMatchObject({ code: 0 });
  const texts = columns.map((column) => `to_json(${column})::VARCHAR`).join(", ");
  const found = await query(`SELECT ${texts} FROM read_parquet('${out}/rows/*.parquet') ORDER BY id`);
  const types = await query(`DESCRIBE FROM read_parquet('${out}/rows/*.parquet')`);
  const rows = found.map((row) =>
    Object.fromEntries(columns.map((column, at) => [column, JSON.parse(String(row[at]))])),
  );
  return { summary: JSON.parse(ran.stdout), rows, types: Object.fromEntries(types) };
}

/** Compares nested lists of numbers. Their lengths are equal, and their values nearly. */
function expectClose(found: unknown, expected: unknown): void {
  if (Array.isArray(expected)) {
    expect(found).toHaveLength(expected.length);
    for (const [at, item] of expected.entries()) expectClose((found as unknown[])[at], item);
  } else expect(Math.abs(Number(found) - Number(expected))).toBeLessThanOrEqual(1e-6);
}

function pick(rows: readonly Record<string, unknown>[], columns: readonly string[]) {
  return rows.map((row) => columns.map((column) => row[column]));
}

async function expectPython(name: keyof typeof TYPES, map: object, columns: readonly string[]) {
  const { job, rows } = await openJob(name, map);
  await using _job = job;
  const ran = await published(job, columns);
  expectClose(pick(ran.rows, columns), pick(rows, columns));
  return ran;
}

test("frames of sounds are lists as long as Python's, and rows run one by one", async () => {
  const outputs = { frames: "frames", energy: "energy" };
  const { summary, types } = await expectPython("frames", { outputs }, ["id", "frames", "energy"]);
  expect(types).toMatchObject({ frames: "FLOAT[][]", energy: "FLOAT" });
  expect(summary.batch).toMatchObject({ rows: 1, bound: "shape" });
});

test("a sound with `pad` is not padded, as its frames could depend on that", async () => {
  const map = { inputs: { x: { pad: 9 } }, outputs: { frames: "frames" } };
  await expectPython("frames", map, ["id", "frames"]);
});

test("with `lengths` a batch has many rows, and each list has its own length", async () => {
  const outputs = { boxes: { tensor: "boxes", lengths: "count" }, count: "count" };
  const map = { outputs, batch: { rows: 7 } };
  const { summary } = await expectPython("boxes", map, ["id", "boxes", "count"]);
  expect(summary.batch).toMatchObject({ rows: 7, bound: "rows" });
});

test("without `lengths` the same lists come from rows that run one by one, empty ones too", async () => {
  const { rows } = await expectPython("boxes", { outputs: { boxes: "boxes" } }, ["id", "boxes"]);
  expect(rows.filter(({ boxes }) => (boxes as unknown[]).length === 0).length).toBeGreaterThan(4);
});

test("outputs without a batch are one row: nested lists, whole numbers and a single value", async () => {
  const outputs = Object.fromEntries(
    ["square", "cube", "sum"].map((tensor) => [tensor, { tensor, batchAxis: "none" }]),
  );
  const { types } = await expectPython("pairs", { outputs }, ["id", "square", "cube", "sum"]);
  expect(types).toMatchObject({ square: "BIGINT[][]", cube: "BIGINT[][][]", sum: "BIGINT" });
});

test("names in `shape` replace a declaration, and a step computes on the lists", async () => {
  const outputs = { wide: { tensor: "cube", batchAxis: "none", shape: ["rows", 1, "columns", 2] } };
  const finish = [{ sql: "SELECT id, list_transform(wide, row -> row[1]) AS firsts FROM rows" }];
  const { job, rows } = await openJob("pairs", { outputs, finish });
  await using _job = job;
  const ran = await published(job, ["id", "firsts"]);
  const firsts = rows.map(({ cube }) => (cube as number[][][]).map((row) => row[0]));
  expect(ran.rows.map((row) => row.firsts)).toEqual(firsts);
});
