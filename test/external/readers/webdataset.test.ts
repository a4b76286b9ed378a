import { execFile } from "node:child_process";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { promisify } from "node:util";
import { afterAll, beforeAll, expect, test } from "vitest";
import { packageRoot } from "../../../shared/core/package-root.ts";
import { JobFolder } from "../../support/job-folder.ts";
import { query } from "../../support/known-answer.ts";
import { onnxModel } from "../../support/onnx-model.ts";
import { runCli } from "../../support/processes.ts";

/** Tars by the webdataset library and Python's `tarfile`, and their rows as the library reads them. */

const PYTHON = join(process.env.SHARDMILL_FOREIGN ?? "", "python", "bin", "python");
const SCRIPT = join(packageRoot, "test", "external", "readers", "webdataset_shards.py");
const MOST_BYTES = 64 << 20;

interface Expected {
  readonly images: readonly {
    readonly key: string;
    readonly cls: number;
    readonly means: readonly number[];
  }[];
  readonly tars: readonly Readonly<Record<string, unknown>>[];
}

/** Model that returns the mean of each channel. */
const MODEL = onnxModel({
  inputs: [{ name: "pixel_values", dtype: "float32", dims: ["batch", 3, 12, 12] }],
  outputs: [{ name: "means", dtype: "float32", dims: ["batch", 3] }],
  nodes: [
    {
      op: "ReduceMean",
      inputs: ["pixel_values"],
      outputs: ["means"],
      attributes: { axes: [2, 3], keepdims: 0 },
    },
  ],
});

let job: JobFolder;
let expected: Expected;

beforeAll(async () => {
  job = await JobFolder.make({ files: 0 });
  const made = await promisify(execFile)(PYTHON, [SCRIPT, job.path], { maxBuffer: MOST_BYTES });
  expected = JSON.parse(made.stdout) as Expected;
});

afterAll(async () => {
  await job[Symbol.asyncDispose]();
});

test("a job over images that ShardWriter wrote has the rows of the library, decoded by Pillow", async () => {
  await job.write("model.onnx", MODEL);
  await job.writeJob({
    input: { path: "./images", shardRows: 4 },
    map: {
      inputs: { pixel_values: { column: "png", image: {} } },
      outputs: { means: "means" },
      keep: ["__key__", "cls"],
    },
    reduce: {},
    output: { path: "./out-images" },
  });
  expect(await runCli(["run", job.job, "--workers", "1"])).toMatchObject({ code: 0 });
  const rows = await query(
    `SELECT "__key__" AS key, cls, means::VARCHAR FROM '${job.at("out-images/rows/*.parquet")}' ORDER BY key`,
  );
  expect(rows).toHaveLength(expected.images.length);
  for (const [at, [key, cls, means]] of rows.entries()) {
    const row = expected.images[at];
    expect([key, Number(cls)]).toEqual([row?.key, row?.cls]);
    const found = JSON.parse(String(means)) as readonly number[];
    for (const [channel, mean] of found.entries()) expect(mean).toBeCloseTo(row?.means[channel] ?? -1, 5);
  }
});

test("init writes a job for tars", async () => {
  const args = ["init", "--model", "model.onnx", "--input", "images/shard-*.tar", "-o", "made.yaml"];
  expect(await runCli(args, { cwd: job.path })).toMatchObject({ code: 0 });
  const made = await readFile(job.at("made.yaml"), "utf8");
  expect(made).toContain("column: png, image:");
  expect(made).toMatch(/keep: \[ ?__key__ ?\]/);
});

test("tars of all formats, names, sizes and packings have the rows of the library", async () => {
  const columns = ["jpg", "cls", "txt", "json", "seg.png", "npy", "id", "caption.txt"];
  await job.writeJob({
    model: undefined,
    input: { path: "./tars", webdataset: { endings: columns } },
    map: { keep: ["__key__", ...columns] },
    reduce: {},
    output: { path: "./out-tars" },
  });
  expect(await runCli(["run", job.job, "--workers", "1"])).toMatchObject({ code: 0 });
  const bytes = new Set(["jpg", "seg.png", "npy"]);
  const values = columns.map((name) => (bytes.has(name) ? `sha256("${name}") AS "${name}"` : `"${name}"`));
  const rows = await query(
    `SELECT "__key__", ${values.join(", ")} FROM '${job.at("out-tars/rows/*.parquet")}'`,
  );
  const found = rows.map((row) =>
    Object.fromEntries(
      ["__key__", ...columns].flatMap((name, at) => {
        const value = row[at] ?? null;
        return value === null ? [] : [[name, typeof value === "bigint" ? Number(value) : value]];
      }),
    ),
  );
  expect(found).toEqual(expected.tars);
});
