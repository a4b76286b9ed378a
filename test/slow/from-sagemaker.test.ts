import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { gzipSync } from "node:zlib";
import { describe, expect } from "vitest";
import { packageRoot } from "../../shared/core/package-root.ts";
import type { OutputManifest } from "../../shared/domain/manifest.ts";
import { JobFolder } from "../support/job-folder.ts";
import { query } from "../support/known-answer.ts";
import { needs } from "../support/needs.ts";
import { onnxModel } from "../support/onnx-model.ts";
import { runCli } from "../support/processes.ts";

/** The page for users of SageMaker shows jobs, which run here unchanged. */

const page = await readFile(join(packageRoot, "docs", "sagemaker.md"), "utf8");

function exampleOf(title: string): string {
  const section = page.split(`\n## ${title}\n`)[1]?.split("\n## ")[0] ?? "";
  const [, yaml] = /^```yaml\n(.*?)^```$/ms.exec(section) ?? [];
  if (yaml === undefined) throw new Error(`no job is shown under ${title}`);
  return yaml;
}

/** y = x · (1, 10, 100). */
const MODEL = onnxModel({
  inputs: [{ name: "x", dtype: "float32", dims: ["batch", 3] }],
  outputs: [{ name: "y", dtype: "float32", dims: ["batch"] }],
  constants: [{ name: "weights", dtype: "float32", dims: [3], data: Float32Array.of(1, 10, 100) }],
  nodes: [{ op: "MatMul", inputs: ["x", "weights"], outputs: ["y"] }],
});

const answer = (x: readonly number[]): number => (x[0] ?? 0) + 10 * (x[1] ?? 0) + 100 * (x[2] ?? 0);

/** Returns one row for each number. */
const customer = (row: number) => [row % 70, (row * 37) % 900, row % 11];
const csv = (from: number, to: number) =>
  Array.from({ length: to - from }, (_, at) => `c${from + at},${customer(from + at).join(",")}\n`).join("");
const CUSTOMERS = 300;
const event = (row: number) => ({
  id: row,
  kind: row % 3 === 0 ? "buy" : "view",
  features: [row % 5, (row % 4) - 2, (row % 3) - 1],
});
const EVENTS = 200;
const events = Array.from({ length: EVENTS }, (_, row) => event(row));
const jsonLines = (some: readonly object[]) => some.map((each) => `${JSON.stringify(each)}\n`).join("");

async function published(folder: JobFolder, title: string): Promise<OutputManifest> {
  await folder.write("model.onnx", MODEL);
  await folder.write("job.yaml", exampleOf(title));
  const { code, stderr } = await runCli(["run", folder.job, "--workers", "1"]);
  expect({ code, stderr }).toMatchObject({ code: 0 });
  return JSON.parse(await readFile(join(folder.out, "_manifest.json"), "utf8")) as OutputManifest;
}

const rowsOf = (folder: JobFolder) => `'${folder.out}/rows/*.parquet'`;

describe("the examples for users of SageMaker", () => {
  needs("csv-json")(
    "in CSV files without a header the first column is kept, and the others are inputs",
    async () => {
      await using folder = await JobFolder.make({ files: 0 });
      await folder.write("customers/a.csv", csv(0, 120));
      await folder.write("customers/sub/b.csv.gz", gzipSync(csv(120, CUSTOMERS)));
      await published(folder, "CSV, with an id in front");
      expect(await query(`SELECT id, score FROM ${rowsOf(folder)}`)).toEqual(
        Array.from({ length: CUSTOMERS }, (_, row) => [`c${row}`, answer(customer(row))]),
      );
    },
  );

  needs("csv-json")(
    "an unreadable record becomes a dead letter, and the other records are published",
    async () => {
      await using folder = await JobFolder.make({ files: 0 });
      await folder.write("customers/a.csv", `${csv(0, 50)}c50,1,2\n${csv(51, 100)}`);
      await folder.write("model.onnx", MODEL);
      await folder.write("job.yaml", exampleOf("CSV, with an id in front"));
      const { code } = await runCli(["run", folder.job, "--workers", "1"]);
      expect(code).toBe(3);
      expect(await query(`SELECT count(*)::INT FROM ${rowsOf(folder)}`)).toEqual([[99]]);
      expect(await query(`SELECT count(*)::INT FROM read_parquet('${folder.out}/_errors/*.pq')`)).toEqual([
        [1],
      ]);
    },
  );

  needs("csv-json")("answers are compressed CSV", async () => {
    await using folder = await JobFolder.make({ files: 0 });
    await folder.write("customers/a.csv", csv(0, CUSTOMERS));
    await published(folder, "Answers as CSV or JSON Lines");
    expect(await query(`SELECT id, score::INT FROM '${folder.out}/rows/*.csv.gz'`)).toEqual(
      Array.from({ length: CUSTOMERS }, (_, row) => [`c${row}`, answer(customer(row))]),
    );
  });

  needs("csv-json")("compressed JSON Lines are published with all columns and the answer", async () => {
    await using folder = await JobFolder.make({ files: 0 });
    await folder.write("events/1.jsonl.gz", gzipSync(jsonLines(events.slice(0, 90))));
    await folder.write("events/2.jsonl.gz", gzipSync(jsonLines(events.slice(90))));
    await published(folder, "JSON Lines, all of it joined");
    const found = await query(
      `SELECT id::INT, kind, to_json(features)::VARCHAR, SageMakerOutput FROM ${rowsOf(folder)}`,
    );
    expect(
      found.map(([id, kind, features, y]) => ({ id, kind, features: JSON.parse(String(features)), y })),
    ).toEqual(events.map((each) => ({ ...each, y: answer(each.features) })));
  });

  needs("csv-json")("a job filters records and computes a label for each", async () => {
    await using folder = await JobFolder.make({ files: 0 });
    await folder.write("events/1.jsonl.gz", gzipSync(jsonLines(events)));
    const { rows } = await published(folder, "A record a request");
    const views = events.filter(({ kind }) => kind === "view");
    expect(rows).toMatchObject({ output: views.length });
    expect(await query(`SELECT id::INT, label FROM ${rowsOf(folder)}`)).toEqual(
      views.map(({ id, features }) => [id, answer(features) > 0 ? "yes" : "no"]),
    );
  });

  needs("csv-json")("a manifest is a list of files", async () => {
    await using folder = await JobFolder.make({ files: 0 });
    await folder.write("data/b.csv", csv(0, 40));
    await folder.write("data/a.csv", csv(40, 90));
    await folder.write("data/unnamed.csv", csv(90, 100));
    const manifest = [{ prefix: `${folder.path}/data/` }, "b.csv", "a.csv"];
    const [{ prefix }, ...names] = manifest as [{ prefix: string }, ...string[]];
    await folder.write("files.txt", names.map((name) => `${prefix}${name}\n`).join(""));
    await published(folder, "A manifest");
    const scores = Array.from({ length: 90 }, (_, row) => [answer(customer(row))]);
    expect(await query(`SELECT score FROM ${rowsOf(folder)}`)).toEqual(scores);
  });

  needs("csv-json")("answers are CSV, and the page's statement writes them without a header", async () => {
    await using folder = await JobFolder.make({ files: 0 });
    await folder.write("customers/a.csv", csv(0, CUSTOMERS));
    await published(folder, "Answers as CSV or JSON Lines");
    const [, statement = ""] = /^```sql\n(.*?)^```$/ms.exec(page) ?? [];
    expect(statement).toContain("out/rows/*.csv.gz");
    await query(statement.replace("out/", `${folder.out}/`).replace("'answers", `'${folder.path}/answers`));
    const lines = (await readFile(folder.at("answers.csv"), "utf8")).trimEnd().split("\n");
    const expected = Array.from({ length: CUSTOMERS }, (_, row) => `c${row},${answer(customer(row))}.0`);
    expect(lines.toSorted()).toEqual(expected.toSorted());
  });
});
