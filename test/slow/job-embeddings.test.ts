import { readdir } from "node:fs/promises";
import { describe, expect, test } from "vitest";
import { NEVER } from "../../shared/core/abort.ts";
import { openDatasetFile } from "../../shared/dataset/open-dataset-file.ts";
import { parseLocation } from "../../shared/domain/location.ts";
import { createLocalStorage } from "../../shared/storage/local.ts";
import { byteSource } from "../../shared/storage/storage.ts";
import { encoderModel, HIDDEN, hiddenStates, logitsOf } from "../support/encoder-model.ts";
import { JobFolder } from "../support/job-folder.ts";
import { query } from "../support/known-answer.ts";
import { WITHOUT_ESTIMATE } from "../support/plan-options.ts";
import { runCli } from "../support/processes.ts";
import { readRows } from "../support/read-rows.ts";
import { idsTable, unevenIds } from "../support/uneven-model.ts";

/** Vectors of real jobs, from a model's hidden states to the published files. */

const HIDDEN_STATE = { tensor: "last_hidden_state", op: "pool" } as const;
const OUTPUTS = {
  mean: { ...HIDDEN_STATE, pool: "mean" },
  first: { ...HIDDEN_STATE, pool: "cls", as: "float16" },
  largest: { ...HIDDEN_STATE, pool: "max", dims: 11 },
  last: { ...HIDDEN_STATE, pool: "last", normalize: true },
  unit: { ...HIDDEN_STATE, pool: "mean", normalize: true },
  cut: { ...HIDDEN_STATE, pool: "mean", dims: 12, normalize: true },
  bytes: { ...HIDDEN_STATE, pool: "mean", normalize: true, as: "int8" },
  bits: { ...HIDDEN_STATE, pool: "mean", dims: 12, as: "ubinary" },
  // The model's own mean.
  sentence: { tensor: "sentence_embedding", normalize: true },
  half: { tensor: "sentence_embedding", dims: 12, normalize: true, as: "float16" },
  whole: { tensor: "sentence_embedding" },
} as const;
type Made = keyof typeof OUTPUTS;

const MAP = {
  inputs: { input_ids: { pad: 7 }, attention_mask: { mask: "input_ids" } },
  outputs: OUTPUTS,
  keep: ["id"],
};

/** Labels of the model's six classes. */
const LABELS = ["red", "green", "blau", "größer", "leer, mit Komma", "f"];

async function aJob(spec: Readonly<Record<string, unknown>>) {
  const lists = unevenIds(400, 60);
  const folder = await JobFolder.make({ files: 0 });
  await folder.write("model.onnx", encoderModel());
  await folder.writeData("data/part-0.parquet", idsTable(lists), 100);
  await folder.writeJob({ input: { path: "./data", shardRows: 150 }, map: MAP, reduce: {}, ...spec });
  return { folder, lists };
}

const byValue = (states: readonly number[][], of: (column: number[]) => number): number[] =>
  Array.from({ length: HIDDEN }, (_, at) => of(states.map((state) => state[at] ?? 0)));
const unit = (vector: readonly number[]): number[] => {
  const length = Math.hypot(...vector);
  return vector.map((value) => value / length);
};

/** Computes the expected columns of a row from its hidden states. */
function expectedOf(ids: readonly number[]): Record<Made, readonly number[]> {
  const states = hiddenStates(ids);
  const mean = byValue(states, (column) => column.reduce((sum, value) => sum + value, 0) / column.length);
  const bits = mean.slice(0, 12).map((value) => (value > 0 ? 1 : 0) as number);
  const byte = (from: number) =>
    bits.slice(from, from + 8).reduce((sum, bit, at) => sum + bit * 2 ** (7 - at), 0);
  return {
    mean,
    first: states[0] ?? [],
    largest: byValue(states, (column) => Math.max(...column)).slice(0, 11),
    last: unit(states.at(-1) ?? []),
    unit: unit(mean),
    cut: unit(mean.slice(0, 12)),
    bytes: unit(mean).map((value) => Math.round(value * 127)),
    bits: [byte(0), byte(8)],
    sentence: unit(mean),
    half: unit(mean.slice(0, 12)),
    whole: mean,
  };
}

/** Tolerances of values, by their type and the model's sums in float32. */
const ALLOWED: Readonly<Partial<Record<Made, number>>> = { first: 2e-3, half: 1e-3, bytes: 0, bits: 0 };

async function publishedRows(folder: JobFolder, format: "parquet" | "arrow") {
  await using store = createLocalStorage();
  const rows: Readonly<Record<string, Iterable<number>>>[] = [];
  const types: string[] = [];
  for (const name of (await readdir(`${folder.out}/rows`)).sort()) {
    const location = parseLocation(`${folder.out}/rows/${name}`);
    const { bytes } = await store.stat(location, NEVER);
    using file = await openDatasetFile(byteSource(store, location, bytes), format, NEVER);
    if (types.length === 0) types.push(...file.schema.fields.map((field) => `${field.name} ${field.type}`));
    rows.push(...(await readRows(file)).toArray());
  }
  return { rows, types };
}

describe("embeddings", () => {
  test.each(["parquet", "arrow"] as const)(
    "in %s files, the vectors of each row are computed from its own positions",
    async (format) => {
      const { folder, lists } = await aJob({ output: { path: "./out", rows: format } });
      await using _ = folder;
      const run = await runCli(["run", folder.job, "--workers", "1", "--lanes", "2", "--json"]);
      expect(run).toMatchObject({ code: 0 });
      const { rows, types } = await publishedRows(folder, format);
      expect(types.slice(1)).toEqual([
        "mean FixedSizeList[20]<Float32>",
        "first FixedSizeList[20]<Float16>",
        "largest FixedSizeList[11]<Float32>",
        "last FixedSizeList[20]<Float32>",
        "unit FixedSizeList[20]<Float32>",
        "cut FixedSizeList[12]<Float32>",
        "bytes FixedSizeList[20]<Int8>",
        "bits FixedSizeList[2]<Uint8>",
        "sentence FixedSizeList[20]<Float32>",
        "half FixedSizeList[12]<Float16>",
        "whole FixedSizeList[20]<Float32>",
      ]);
      expect(rows).toHaveLength(lists.length);
      for (const [row, ids] of lists.entries()) {
        for (const [name, expected] of Object.entries(expectedOf(ids)) as [Made, number[]][]) {
          const found = [...(rows[row]?.[name] ?? [])];
          expect(found).toHaveLength(expected.length);
          const off = Math.max(...found.map((value, at) => Math.abs(value - (expected[at] ?? Number.NaN))));
          expect(off, `${name} of row ${row}`).toBeLessThanOrEqual(ALLOWED[name] ?? 1e-5);
        }
      }
    },
  );

  test("are read by the SQL of a reduction", async () => {
    const { folder } = await aJob({
      map: { ...MAP, outputs: { unit: OUTPUTS.unit, half: OUTPUTS.half, bits: OUTPUTS.bits } },
      reduce: {
        lengths: {
          combine: "SELECT sqrt(list_dot_product(unit, unit)) AS length, len(bits) AS bytes FROM rows",
          final: "SELECT min(length) AS low, max(length) AS high, max(bytes) AS bytes FROM partials",
        },
      },
    });
    await using _ = folder;
    expect(await runCli(["run", folder.job, "--workers", "1"])).toMatchObject({ code: 0 });
    const [row = []] = await query(
      `SELECT low, high, bytes FROM read_parquet('${folder.out}/_reduced/lengths.pq')`,
    );
    expect(row).toEqual([expect.closeTo(1, 5), expect.closeTo(1, 5), 2n]);
  });

  test("classes that reach a threshold are published with their names or indices and their scores", async () => {
    const outputs = {
      tags: { tensor: "logits", op: "threshold", threshold: 0.6, labels: LABELS },
      high: { tensor: "logits", op: "threshold", threshold: 2.5, activation: "none" },
    };
    const tags = {
      combine: "SELECT unnest(tags_labels) AS tag, unnest(tags_scores) AS score FROM rows",
      final: "SELECT tag, count(*) AS n FROM partials GROUP BY tag ORDER BY tag",
    };
    const { folder, lists } = await aJob({ map: { ...MAP, outputs }, reduce: { tags } });
    await using _ = folder;
    expect(await runCli(["run", folder.job, "--workers", "1", "--lanes", "2"])).toMatchObject({ code: 0 });
    const { rows, types } = await publishedRows(folder, "parquet");
    expect(types.slice(1)).toEqual([
      "tags_scores List<Float32>",
      "tags_labels List<Utf8>",
      "high_scores List<Float32>",
      "high_indices List<Int32>",
    ]);
    const counts = new Map<string, number>();
    for (const [row, ids] of lists.entries()) {
      const logits = logitsOf(ids);
      const scores = logits.map((logit) => 1 / (1 + Math.exp(-logit)));
      const [reached, high] = [scores.map((s) => s >= 0.6), logits.map((l) => l >= 2.5)];
      const names = LABELS.filter((_, at) => reached[at]);
      for (const name of names) counts.set(name, (counts.get(name) ?? 0) + 1);
      const near = (values: readonly number[]) => values.map((value) => expect.closeTo(value, 4));
      const cells = Object.fromEntries(
        Object.entries(rows[row] ?? {}).map(([name, cell]) => [name, name === "id" ? cell : [...cell]]),
      );
      expect(cells, `row ${row}`).toEqual({
        id: BigInt(row),
        tags_scores: near(scores.filter((_, at) => reached[at])),
        tags_labels: names,
        high_scores: near(logits.filter((_, at) => high[at])),
        high_indices: [...logits.keys()].filter((at) => high[at]),
      });
    }
    expect(await query(`SELECT tag, n FROM read_parquet('${folder.out}/_reduced/tags.pq')`)).toEqual(
      [...counts].sort(([a], [b]) => (a < b ? -1 : 1)).map(([tag, n]) => [tag, BigInt(n)]),
    );
    expect(new Set(lists.map((_, row) => [...(rows[row]?.tags_labels ?? [])].length)).size).toBeGreaterThan(
      2,
    );
  });

  test("are described in the plan", async () => {
    const { folder } = await aJob({});
    await using _ = folder;
    const run = await runCli(["plan", folder.job, ...WITHOUT_ESTIMATE]);
    for (const line of [
      /mean +pool mean of last_hidden_state float32 \[N, positions, 20\]/,
      /largest +pool max, first 11 of last_hidden_state/,
      /cut +pool mean, first 12, normalized of last_hidden_state/,
      /half +first 12, normalized, as float16 of sentence_embedding float32 \[N, 20\]/,
      /whole +sentence_embedding float32 \[N, 20\]/,
    ])
      expect(run.stdout).toMatch(line);
  });

  test("are refused with all problems at once, first by the job file and then by the model", async () => {
    const { folder } = await aJob({
      map: {
        ...MAP,
        outputs: {
          a: { tensor: "logits", op: "argmax", normalize: true, pool: "mean" },
          b: { ...HIDDEN_STATE, as: "float64" },
          c: { tensor: "logits", positions: "all" },
        },
      },
    });
    await using _ = folder;
    const keys = await runCli(["plan", folder.job]);
    expect(keys).toMatchObject({ code: 2 });
    for (const line of [
      "map.outputs.a.normalize: not used by `op: argmax`",
      "map.outputs.a.pool",
      "map.outputs.b.as",
      "map.outputs.c.positions",
    ])
      expect(keys.stderr).toContain(line);
    await folder.writeJob({
      input: { path: "./data" },
      reduce: {},
      map: {
        ...MAP,
        outputs: {
          a: { tensor: "sentence_embedding", op: "pool", pool: "mean" },
          b: { ...HIDDEN_STATE, pool: "mean", dims: 21, positions: "all" },
          c: { tensor: "last_hidden_state", normalize: true },
          d: { tensor: "sentence_embedding", as: "int8" },
        },
      },
    });
    const model = await runCli(["plan", folder.job]);
    expect(model).toMatchObject({ code: 2 });
    for (const line of [
      "map.outputs.a.op",
      "map.outputs.b.dims",
      "map.outputs.b.positions",
      "map.outputs.c.normalize",
      "map.outputs.d.as",
    ])
      expect(model.stderr).toContain(line);
    expect(await folder.outNames()).toBeNull();
  });
});
