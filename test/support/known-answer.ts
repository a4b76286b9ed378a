import { readdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import { DuckDBInstance, type DuckDBValue } from "@duckdb/node-api";
import { InferenceSession, Tensor } from "onnxruntime-node";
import { expect } from "vitest";
import { MANIFEST_NAME, type OutputManifest, WORK_FOLDER } from "../../shared/domain/manifest.ts";
import { manifestRows } from "./builders.ts";
import { digestsOf } from "./job-processes.ts";
import { CLASSES, type KnownJob, WIDTH } from "./known-job.ts";

/**
 * The right answer to a known job, computed without Shardmill's code. The model runs in a plain `session.run`
 * loop over the same arrays. DuckDB runs the SQL over the published rows and over the input.
 */

/** Published rows, in the order of the files and their rows. */
export interface PublishedRows {
  readonly ids: readonly bigint[];
  readonly notes: readonly (string | null)[];
  readonly classes: readonly number[];
  /** Logits, `CLASSES` values per row. */
  readonly logits: readonly number[];
}

const BATCH_ROWS = 1_000;
/** Maximum difference between runs with other batches. Two logits closer than this may change their order. */
const TOLERANCE = 1e-5;

/** Computes the logits of every row, in input order. */
export async function expectedLogits(job: KnownJob): Promise<Float32Array> {
  const { rows, features } = job.known;
  // Opened by path, so that external data is found.
  const session = await InferenceSession.create(job.at("model.onnx"), {
    intraOpNumThreads: 1,
  });
  const logits = new Float32Array(rows * CLASSES);
  for (let start = 0; start < rows; start += BATCH_ROWS) {
    const end = Math.min(rows, start + BATCH_ROWS);
    const input = new Tensor("float32", features.slice(start * WIDTH, end * WIDTH), [end - start, WIDTH]);
    const { logits: output } = await session.run({ input });
    if (!(output?.data instanceof Float32Array)) throw new Error("the model gives float32 logits");
    logits.set(output.data, start * CLASSES);
  }
  await session.release();
  return logits;
}

/** Checks a published known job. `missing`: rows that became dead letters, by their place in the input. */
export async function expectRightAnswer(
  job: KnownJob,
  options: {
    readonly missing?: readonly number[];
    readonly tolerance?: number;
    /** True while processes of the job still run, with their temporary files. */
    readonly running?: boolean;
  } = {},
): Promise<OutputManifest> {
  const missing = new Set(options.missing ?? []);
  const tolerance = options.tolerance ?? TOLERANCE;
  const { ids, notes, rows } = job.known;
  const places = Array.from({ length: rows }, (_, row) => row).filter((row) => !missing.has(row));
  const manifest = await readManifestOf(job);
  const published = await publishedRows(job);
  expect(published.ids).toEqual(places.map((row) => ids[row]));
  expect(published.notes).toEqual(places.map((row) => notes[row] ?? null));
  expectLogits(published, await expectedLogits(job), places, tolerance);
  expect(manifest.rows).toEqual(manifestRows(rows, { deadLetters: missing.size, output: places.length }));
  await expectReductions(job, published);
  await expectTrueManifest(job, manifest);
  expect(await readdir(job.out)).not.toContain(WORK_FOLDER);
  if (!options.running) await expectNothingLeft(job);
  return manifest;
}

/** Expects that the manifest lists exactly the existing files, byte for byte. */
async function expectTrueManifest(job: KnownJob, manifest: OutputManifest): Promise<void> {
  const { [MANIFEST_NAME]: _manifest, ...found } = await digestsOf(job.out);
  expect(found).toEqual(Object.fromEntries(manifest.files.map(({ path, sha256 }) => [path, sha256])));
}

function expectLogits(
  published: PublishedRows,
  expected: Float32Array,
  places: readonly number[],
  tolerance: number,
): void {
  expect(published.logits).toHaveLength(places.length * CLASSES);
  let worst = 0;
  const wrongClasses: number[] = [];
  for (const [index, place] of places.entries()) {
    const wanted = expected.subarray(place * CLASSES, (place + 1) * CLASSES);
    for (const [column, value] of wanted.entries()) {
      const found = published.logits[index * CLASSES + column] ?? Number.NaN;
      worst = Math.max(worst, Number.isNaN(found) ? Number.POSITIVE_INFINITY : Math.abs(found - value));
    }
    const best = Math.max(...wanted);
    if (!(best - (wanted[published.classes[index] ?? -1] ?? Number.NaN) <= tolerance))
      wrongClasses.push(place);
  }
  expect(wrongClasses).toEqual([]);
  expect(worst).toBeLessThanOrEqual(tolerance);
}

/** Compares the reductions with plain JavaScript over the published rows. */
export async function expectReductions(job: KnownJob, { ids, notes, classes }: PublishedRows): Promise<void> {
  const byClass = new Map<number, { n: bigint; ids: bigint }>();
  const byNote = new Map<string | null, { n: bigint; low: bigint; high: bigint }>();
  for (const [row, id] of ids.entries()) {
    const ofClass = byClass.get(classes[row] ?? -1) ?? { n: 0n, ids: 0n };
    byClass.set(classes[row] ?? -1, { n: ofClass.n + 1n, ids: ofClass.ids + id });
    const note = notes[row] ?? null;
    const ofNote = byNote.get(note) ?? { n: 0n, low: id, high: id };
    const low = id < ofNote.low ? id : ofNote.low;
    const high = id > ofNote.high ? id : ofNote.high;
    byNote.set(note, { n: ofNote.n + 1n, low, high });
  }
  expect(await query(`FROM read_parquet('${job.out}/_reduced/classes.pq')`)).toEqual(
    [...byClass].sort(([a], [b]) => a - b).map(([key, { n, ids: sum }]) => [key, n, sum]),
  );
  expect(await query(`FROM read_parquet('${job.out}/_reduced/notes.pq')`)).toEqual(
    [...byNote]
      .sort(([a], [b]) => (a === null ? 1 : b === null ? -1 : a < b ? -1 : 1))
      .map(([key, { n, low, high }]) => [key, n, low, high]),
  );
}

/** Expects no work files beside the output, and an empty temporary folder. */
export async function expectNothingLeft(job: KnownJob): Promise<void> {
  expect(await readdir(job.out)).not.toContain(WORK_FOLDER);
  expect(await readdir(job.tmp)).toEqual([]);
}

export async function readManifestOf(job: { readonly out: string }): Promise<OutputManifest> {
  return JSON.parse(await readFile(join(job.out, "_manifest.json"), "utf8"));
}

export async function publishedRows(job: KnownJob): Promise<PublishedRows> {
  const files = (await readManifestOf(job)).files.filter(({ kind }) => kind === "rows");
  const list = files.map(({ path }) => `'${join(job.out, path)}'`).join(", ");
  const rows = await query(`SELECT id, note, class, logits FROM read_parquet([${list}])`);
  return {
    ids: rows.map(([id]) => BigInt(String(id))),
    notes: rows.map(([, note]) => (note === null ? null : String(note))),
    classes: rows.map(([, , found]) => Number(found)),
    logits: rows.flatMap(([, , , logits]) => (logits as readonly number[]).map(Number)),
  };
}

/** Runs a query on a separate DuckDB. Returns plain values: integers unchanged, lists as arrays. */
export async function query(sql: string): Promise<unknown[][]> {
  const instance = await DuckDBInstance.create(":memory:", { threads: "1" });
  const connection = await instance.connect();
  try {
    const reader = await connection.runAndReadAll(sql);
    return reader.getRows().map((row) => row.map(plain));
  } finally {
    connection.closeSync();
    instance.closeSync();
  }
}

function plain(value: DuckDBValue): unknown {
  if (typeof value === "object" && value !== null && "items" in value) return value.items;
  return value;
}
