import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import fc from "fast-check";
import { afterAll, afterEach, beforeEach, expect, test } from "vitest";
import { workPaths } from "../../../../coordinator/publish/work-paths.ts";
import { reducePartials } from "../../../../coordinator/reduce/reduce.ts";
import type { ReduceOptions } from "../../../../coordinator/reduce/reduce-options.ts";
import type { JobSpec } from "../../../../shared/domain/job-spec.ts";
import { localPathOf } from "../../../../shared/domain/location.ts";
import type { OutputFile } from "../../../../shared/domain/manifest.ts";
import { reductionOf } from "../../../../shared/domain/manifest.ts";
import type { PartialManifest } from "../../../../shared/domain/partial.ts";
import { openLockedDatabase } from "../../../../shared/sql/locked-database.ts";
import { createLocalStorage } from "../../../../shared/storage/local.ts";
import { type PartialRecipe, writePartials } from "../../../support/partial-builder.ts";

/** Reductions by key, and what each must give over all rows at once. */
const REDUCE: JobSpec["reduce"] = {
  totals: {
    by: ["k", "t"],
    combine: "SELECT k, t, sum(v) AS s, count(*) AS n FROM rows GROUP BY ALL",
    final: "SELECT k, t, sum(s) AS s, sum(n)::BIGINT AS n FROM partials GROUP BY ALL ORDER BY ALL",
  },
  lists: { by: ["k"], final: "SELECT k, list(v) AS vs FROM rows GROUP BY k ORDER BY k" },
  first: { by: ["t"], final: "SELECT DISTINCT ON (t) t, k, v FROM rows ORDER BY t, v, k" },
  ranks: { by: ["k"], final: "SELECT k, v, row_number() OVER (PARTITION BY k ORDER BY v) AS r FROM rows" },
};
const ROWS = 400;
/** Rows with keys that are null, negative, NaN and empty. */
const ALL_ROWS_SQL = `SELECT CASE i % 11 WHEN 0 THEN NULL WHEN 1 THEN 'NaN'::DOUBLE WHEN 2 THEN '-0.0'::DOUBLE ELSE i % 29 END AS k,
  CASE i % 7 WHEN 0 THEN NULL WHEN 1 THEN '' ELSE 't' || (i * 31 % 53) END AS t, i * i AS v`;

const storage = createLocalStorage();
afterAll(() => storage[Symbol.asyncDispose]());

let root: string;
let options: Omit<ReduceOptions, "partials">;
beforeEach(async () => {
  root = await mkdtemp(join(tmpdir(), "shardmill-by-key-"));
  options = {
    reduce: REDUCE,
    fields: [
      { name: "k", type: { kind: "numeric", type: "float64" }, nullable: true },
      { name: "t", type: { kind: "string" }, nullable: true },
      { name: "v", type: { kind: "numeric", type: "int64" }, nullable: false },
    ],
    paths: workPaths(join(root, "out")),
    storage,
    // No processes, because there are many parts.
    open: openLockedDatabase,
    signal: new AbortController().signal,
  };
});
afterEach(() => rm(root, { recursive: true, force: true }));

/** Writes one partial for the rows between each two bounds. */
function write(bounds: readonly number[]): Promise<PartialManifest[]> {
  const { partials: partialsPath, temp: tempFolder } = options.paths;
  const recipes = bounds.slice(1).map(
    (end, shard): PartialRecipe => ({
      shard,
      rows: `${ALL_ROWS_SQL} FROM range(${bounds[shard]}, ${end}) r(i)`,
    }),
  );
  return writePartials({ partialsPath, tempFolder, reduce: REDUCE }, recipes);
}

/** Returns the rows of a SELECT, as text in a fixed order. */
async function rowsOf(sql: string): Promise<readonly string[]> {
  await using database = await openLockedDatabase({ folders: [root], tempFolder: options.paths.temp });
  return (await database.rows(sql)).map((row) => JSON.stringify(row, (_, value) => toText(value))).sort();
}

function toText(value: unknown): unknown {
  return typeof value === "bigint" || (typeof value === "number" && !Number.isFinite(value))
    ? String(value)
    : value;
}

function pathsOf(files: readonly { readonly output: OutputFile }[], name: string): readonly string[] {
  const stage = localPathOf(options.paths.stage);
  return files
    .filter(({ output }) => reductionOf(output) === name)
    .map(({ output }) => join(stage, output.path));
}

test("any division into parts, and any sharding, gives the rows of one final", async () => {
  const wanted = new Map<string, readonly string[]>();
  for (const [name, { final = "" }] of Object.entries(REDUCE)) {
    const all = `(${ALL_ROWS_SQL} FROM range(0, ${ROWS}) r(i))`;
    const sql = name === "totals" ? "SELECT k, t, sum(v) AS s, count(*) AS n FROM rows GROUP BY ALL" : final;
    wanted.set(name, await rowsOf(`WITH rows AS ${all} ${sql}`));
  }
  const cuts = fc.uniqueArray(fc.integer({ min: 1, max: ROWS - 1 }), { maxLength: 5 });
  const partBytes = fc.constantFrom(1_500, 5_000, undefined);
  let run = 0;
  let most = 0;
  await fc.assert(
    fc.asyncProperty(cuts, partBytes, async (inner, bytes) => {
      run += 1;
      options = { ...options, paths: workPaths(join(root, `run${run}`)) };
      const partials = await write([0, ...inner.sort((a, b) => a - b), ROWS]);
      const files = await reducePartials({
        ...options,
        partials,
        ...(bytes === undefined ? {} : { partBytes: bytes }),
      });
      for (const [name, rows] of wanted) {
        const paths = pathsOf(files, name);
        most = Math.max(most, paths.length);
        expect(await rowsOf(`FROM read_parquet([${paths.map((path) => `'${path}'`).join(", ")}])`)).toEqual(
          rows,
        );
      }
    }),
    { numRuns: 6, examples: [[[100, 250], 1_500]] },
  );
  expect(most).toBeGreaterThan(3);
});

test("a key is in one part, and each part is in the order of its final", async () => {
  const partials = await write([0, 100, 250, ROWS]);
  const files = await reducePartials({ ...options, partials, partBytes: 500 });
  const paths = pathsOf(files, "lists");
  expect(paths.length).toBeGreaterThan(3);
  const keys = await Promise.all(paths.map((path) => rowsOf(`SELECT k FROM read_parquet('${path}')`)));
  expect(new Set(keys.flat()).size).toBe(keys.flat().length);
  for (const path of paths)
    expect(
      await rowsOf(
        `SELECT count(*) AS n FROM (SELECT k, lag(k) OVER () AS b FROM read_parquet('${path}')) WHERE b > k`,
      ),
    ).toEqual(['{"n":0}']);
});

test("the same partials give the same bytes again, with or without merged files", async () => {
  const partials = await write([0, 50, 120, 200, 290, ROWS]);
  const sized = { ...options, partials, partBytes: 3_000 };
  const first = await reducePartials(sized);
  const mergeLimits = { filesInPlace: 2, filesPerMerge: 3, bytesPerMerge: 1 << 20 };
  expect(await reducePartials(sized)).toEqual(first);
  expect(await reducePartials({ ...sized, mergeLimits })).toEqual(first);
});

test("without rows or files, each reduction is one empty table with its columns", async () => {
  const reduced = { ...options, partBytes: 700 };
  for (const partials of [[], await write([0, 0])]) {
    const files = await reducePartials({ ...reduced, partials });
    expect(files.every(({ output }) => output.rows === 0)).toBe(true);
    const [path = ""] = pathsOf(files, "totals");
    expect(
      await rowsOf(`SELECT column_name, column_type FROM (DESCRIBE FROM read_parquet('${path}'))`),
    ).toEqual([
      '{"column_name":"k","column_type":"DOUBLE"}',
      '{"column_name":"n","column_type":"BIGINT"}',
      '{"column_name":"s","column_type":"DECIMAL(38,0)"}',
      '{"column_name":"t","column_type":"VARCHAR"}',
    ]);
  }
});

test("rows that no part read, or two parts, break a law", async () => {
  const partials = await write([0, ROWS]);
  const more = partials.map((partial) => ({
    ...partial,
    files: partial.files.map((file) => ({ ...file, rows: file.rows + 1 })),
  }));
  await expect(reducePartials({ ...options, partials: more })).rejects.toThrow(
    /counts-agree: the parts of totals read \d+ of \d+ rows/,
  );
});

test("a damaged table fails with PARTIAL_INVALID and its shard", async () => {
  const partials = await write([0, 100, ROWS]);
  const path = join(
    localPathOf(options.paths.partials),
    partials.length > 0 ? "1-1.2-execution1" : "",
    "combined-lists.parquet",
  );
  const bytes = await readFile(path);
  expect(bytes.length).toBeGreaterThan(100);
  await rm(path);
  await expect(reducePartials({ ...options, partials })).rejects.toMatchObject({
    code: "PARTIAL_INVALID",
    fields: { shard: 1 },
  });
});
