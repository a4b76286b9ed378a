import { copyFile, readFile } from "node:fs/promises";
import { expect, test } from "vitest";
import { JobFolder } from "../support/job-folder.ts";
import { query } from "../support/known-answer.ts";
import { runCli } from "../support/processes.ts";

/**
 * Models with lengths, positions, masks of n by n and empty caches, run as jobs. Python's onnxruntime ran
 * each row alone with what NumPy made, see `test/support/made-inputs/make.py`.
 */

const CASES = new URL("../support/made-inputs/", import.meta.url);

/** Types of the input's list columns. */
const TYPES = {
  decoder: "ids::BIGINT[] AS ids",
  speech: "x::FLOAT[3][] AS x",
  masks: "ids::BIGINT[] AS ids",
  distances: "atoms::BIGINT[] AS atoms, distances::BIGINT[][] AS distances",
};

/** Runs a job of one of the models, and compares its columns with those of Python. Returns the summary. */
async function expectPython(name: keyof typeof TYPES, map: object, columns: readonly string[]) {
  const path = new URL(`${name}.json`, CASES).pathname;
  const expected: Record<string, unknown>[] = JSON.parse(await readFile(path, "utf8"));
  await using job = await JobFolder.make({
    files: 0,
    spec: {
      input: { path: "./in.parquet", shardRows: 40 },
      map: { keep: ["id"], batch: { rows: 7 }, ...map },
      reduce: {},
    },
  });
  await copyFile(new URL(`${name}.onnx`, CASES), job.at("model.onnx"));
  const select = `SELECT id, ${TYPES[name]} FROM read_json('${path}')`;
  await query(`COPY (${select}) TO '${job.at("in.parquet")}' (ROW_GROUP_SIZE 40)`);
  const ran = await runCli(["run", job.job, "--workers", "1", "--json"]);
  expect(ran, ran.stderr).toMatchObject({ code: 0 });
  const texts = columns.map((column) => `to_json(${column})::VARCHAR`).join(", ");
  const found = await query(`SELECT ${texts} FROM read_parquet('${job.out}/rows/*.parquet') ORDER BY id`);
  const rows = found.map((row) => row.map((text) => JSON.parse(String(text))));
  expectClose(
    rows,
    expected.map((row) => columns.map((column) => row[column])),
  );
  return JSON.parse(ran.stdout);
}

/** Compares nested lists of numbers. Their lengths are equal, and their values nearly. */
function expectClose(found: unknown, expected: unknown): void {
  if (Array.isArray(expected)) {
    expect(found).toHaveLength(expected.length);
    for (const [at, item] of expected.entries()) expectClose((found as unknown[])[at], item);
  } else expect(Math.abs(Number(found) - Number(expected))).toBeLessThanOrEqual(2e-6);
}

test("a decoder runs with positions, a mask of its cache and an empty cache, in batches", async () => {
  const cache = { value: 0, shape: [2, 0, 4] };
  const inputs = {
    input_ids: { column: "ids" },
    attention_mask: { mask: "input_ids" },
    position_ids: { positions: "input_ids" },
    "past_key_values.0.key": cache,
    "past_key_values.0.value": cache,
  };
  const { batch } = await expectPython("decoder", { inputs, outputs: { logits: "logits" } }, [
    "id",
    "logits",
  ]);
  expect(batch.rows).toBeGreaterThan(1);
});

test("lengths tell a model what is padding, whatever it fills the padding with", async () => {
  const lens = { x_lens: { lengths: "x" }, column_len: { lengths: "x" } };
  const { batch } = await expectPython("speech", { inputs: { x: { pad: 9 }, ...lens } }, [
    "id",
    "mean",
    "doubled",
  ]);
  expect(batch.rows).toBeGreaterThan(1);
  await expectPython("speech", { inputs: lens }, ["id", "mean"]);
});

test("masks of n by n are causal or full, added or multiplied", async () => {
  const inputs = {
    added: { mask: "ids", causal: true, scale: 10000, offset: -10000 },
    factor: { mask: "ids" },
  };
  const { batch } = await expectPython("masks", { inputs }, ["id", "mixed"]);
  expect(batch.rows).toBeGreaterThan(1);
});

test("a column has a value for each pair of positions, padded or in batches of one length", async () => {
  const outputs = { near: "near" };
  await expectPython("distances", { inputs: { distances: { pad: 9 } }, outputs }, ["id", "near"]);
  await expectPython("distances", { outputs }, ["id", "near"]);
});

test("an output of n by n becomes nested lists", async () => {
  const outputs = { near: "near", square: "square" };
  const map = { outputs, batch: { rows: "auto" } };
  const { batch } = await expectPython("distances", map, ["id", "near", "square"]);
  expect(batch).toMatchObject({ rows: 1, bound: "shape" });
});
