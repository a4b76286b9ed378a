import { readdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import { DuckDBInstance, type DuckDBValue } from "@duckdb/node-api";
import { InferenceSession, Tensor } from "onnxruntime-node";
import { cutText } from "../shared/core/cut-text.ts";
import { MANIFEST_NAME, type OutputManifest, reductionOf } from "../shared/domain/manifest.ts";
import { CLASSES, type KnownJob, WIDTH } from "../test/support/known-job.ts";

/** Difference below which logits may change their order from one batch size to another. */
const TOLERANCE = 1e-4;

/**
 * Compares the published output of a known job with the right answer, and describes each difference. The
 * right answer is computed without Shardmill's code: the model by a plain `session.run` loop, rows and sums
 * by DuckDB.
 *
 * @param missing rows that the dead letters must contain, by their place in the input
 */
export async function checkAnswer(
  job: KnownJob,
  missing: ReadonlySet<number> = new Set(),
): Promise<string[]> {
  const manifest: OutputManifest = JSON.parse(await readFile(join(job.out, MANIFEST_NAME), "utf8"));
  const rows = manifest.files.filter(({ kind }) => kind === "rows").map(({ path }) => join(job.out, path));
  const found = await query(`SELECT id, class FROM read_parquet([${rows.map((path) => `'${path}'`)}])`);
  return [
    ...rowProblems(job, missing, found, await expectedLogits(job)),
    ...(await reductionProblems(
      job,
      rows,
      manifest.files.filter(({ kind }) => kind === "reduced"),
    )),
    ...(await leftProblems(job)),
  ];
}

function rowProblems(
  job: KnownJob,
  missing: ReadonlySet<number>,
  found: readonly unknown[][],
  logits: Float32Array,
): string[] {
  const { ids, rows } = job.known;
  const places = Array.from({ length: rows }, (_, row) => row).filter((row) => !missing.has(row));
  if (found.length !== places.length) return [`${found.length} rows are published, not ${places.length}`];
  const wrong = places.flatMap((place, index) => {
    const [id, label] = found[index] ?? [];
    if (BigInt(String(id)) !== ids[place]) return [`row ${index} has id ${id}, not ${ids[place]}`];
    const own = logits.subarray(place * CLASSES, (place + 1) * CLASSES);
    const given = own[Number(label)] ?? Number.NEGATIVE_INFINITY;
    return Math.max(...own) - given <= TOLERANCE ? [] : [`row ${index} has class ${label}`];
  });
  return wrong.slice(0, 5);
}

/**
 * Compares the published reduction with the same counts over the published rows, which are already checked.
 */
async function reductionProblems(
  job: KnownJob,
  rows: readonly string[],
  reduced: OutputManifest["files"],
): Promise<string[]> {
  const files = `read_parquet([${rows.map((path) => `'${path}'`)}])`;
  const counts = "count(*)::BIGINT AS n, sum(id)::BIGINT AS ids";
  const wanted = {
    classes: `SELECT class, ${counts} FROM ${files} GROUP BY class ORDER BY class`,
    ids: `SELECT id, count(*) AS n FROM ${files} GROUP BY id ORDER BY id`,
  };
  const problems: string[] = [];
  for (const [name, sql] of Object.entries(wanted)) {
    const parts = reduced.filter((file) => reductionOf(file) === name).map(({ path }) => join(job.out, path));
    if (parts.length === 0) continue;
    const table = `read_parquet([${parts.map((path) => `'${path}'`)}])`;
    const [due, found] = [show(await query(sql)), show(await query(`FROM ${table} ORDER BY 1`))];
    if (due !== found) problems.push(`${name}: ${cutText(found, 500)}, not ${cutText(due, 500)}`);
  }
  return problems;
}

/** Checks that no work files are left beside a published output. */
async function leftProblems(job: KnownJob): Promise<string[]> {
  const names = await readdir(job.out);
  return names.includes("_shardmill") ? ["the work folder _shardmill is left"] : [];
}

async function expectedLogits(job: KnownJob): Promise<Float32Array> {
  const { rows, features } = job.known;
  const model = await readFile(job.at("model.onnx"));
  const session = await InferenceSession.create(model, { intraOpNumThreads: 1 });
  try {
    const input = new Tensor("float32", features, [rows, WIDTH]);
    const { logits } = await session.run({ input });
    if (!(logits?.data instanceof Float32Array)) throw new Error("the model gives float32 logits");
    return logits.data;
  } finally {
    await session.release();
  }
}

/** Runs a query on a separate DuckDB and returns its rows. */
async function query(sql: string): Promise<DuckDBValue[][]> {
  const instance = await DuckDBInstance.create(":memory:", { threads: "1" });
  const connection = await instance.connect();
  try {
    return (await connection.runAndReadAll(sql)).getRows();
  } finally {
    connection.closeSync();
    instance.closeSync();
  }
}

function show(rows: readonly DuckDBValue[][]): string {
  return rows.map((row) => row.map(String).join(" ")).join("; ");
}
