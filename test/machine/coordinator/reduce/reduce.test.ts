import { mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import fc from "fast-check";
import { afterAll, afterEach, beforeEach, expect, test } from "vitest";
import { workPaths } from "../../../../coordinator/publish/work-paths.ts";
import { readReduction } from "../../../../coordinator/reduce/preview.ts";
import { reducePartials } from "../../../../coordinator/reduce/reduce.ts";
import type { ReduceOptions } from "../../../../coordinator/reduce/reduce-options.ts";
import { digestFile } from "../../../../shared/core/digest.ts";
import type { Field } from "../../../../shared/domain/dataset.ts";
import type { JobSpec } from "../../../../shared/domain/job-spec.ts";
import { below, parseLocation } from "../../../../shared/domain/location.ts";
import { type PartialManifest, partialFolder } from "../../../../shared/domain/partial.ts";
import { openLockedDatabase } from "../../../../shared/sql/locked-database.ts";
import { createLocalStorage } from "../../../../shared/storage/local.ts";
import { type PartialRecipe, writePartials } from "../../../support/partial-builder.ts";

const INT: Field["type"] = { kind: "numeric", type: "int64" };
const FIELDS: readonly Field[] = [
  { name: "k", type: INT, nullable: false },
  { name: "v", type: INT, nullable: false },
];
const REDUCE: JobSpec["reduce"] = {
  totals: {
    combine: "SELECT k, sum(v) AS s, count(*) AS n, max(v) AS m FROM rows GROUP BY ALL",
    final: "SELECT k, sum(s) AS s, sum(n)::BIGINT AS n, max(m) AS m FROM partials GROUP BY ALL ORDER BY ALL",
  },
  everything: { final: "SELECT k, list(v) AS vs FROM rows GROUP BY ALL ORDER BY ALL" },
};

const storage = createLocalStorage();
afterAll(() => storage[Symbol.asyncDispose]());

let root: string;
let options: Omit<ReduceOptions, "partials">;
beforeEach(async () => {
  root = await mkdtemp(join(tmpdir(), "shardmill-reduce-"));
  options = {
    reduce: REDUCE,
    fields: FIELDS,
    paths: workPaths(root),
    storage,
    signal: new AbortController().signal,
  };
});
afterEach(() => rm(root, { recursive: true, force: true }));

function write(recipes: readonly PartialRecipe[], reduce = REDUCE): Promise<PartialManifest[]> {
  const { partials: partialsPath, temp: tempFolder } = options.paths;
  return writePartials({ partialsPath, tempFolder, reduce }, recipes);
}

function slice(shard: number, start: number, end: number): PartialRecipe {
  return { shard, rows: `SELECT range % 5 AS k, range * range AS v FROM range(${start}, ${end})` };
}

async function reduced(name: string): Promise<readonly (readonly unknown[])[]> {
  return (await readReduction(below(options.paths.stage, `_reduced/${name}.pq`), storage, 1e6)).rows;
}

/** Returns DuckDB's answer to the same query over all rows at once. */
async function direct(rowsSql: string, sql: string): Promise<readonly unknown[][]> {
  await using database = await openLockedDatabase({ folders: [root], tempFolder: options.paths.temp });
  await database.run(`CREATE VIEW rows AS ${rowsSql}`);
  return (await database.rows(sql)).map((row) => Object.values(row));
}

test("the results equal those of DuckDB over all rows at once", async () => {
  const partials = await write([
    slice(0, 0, 100),
    slice(1, 100, 101),
    slice(2, 101, 101),
    slice(3, 101, 300),
  ]);
  const files = await reducePartials({ ...options, partials });
  expect(files.map(({ output: { path, kind, rows } }) => ({ path, kind, rows }))).toEqual([
    { path: "_reduced/totals.pq", kind: "reduced", rows: 5 },
    { path: "_reduced/everything.pq", kind: "reduced", rows: 5 },
  ]);
  const all = slice(0, 0, 300).rows;
  expect(await reduced("totals")).toEqual(
    await direct(all, "SELECT k, sum(v), count(*), max(v) FROM rows GROUP BY ALL ORDER BY ALL"),
  );
  // Lists are in input order, because files are read in the order of the plan.
  expect(await reduced("everything")).toEqual(await direct(all, REDUCE.everything?.final ?? ""));
});

test("any sharding of the same rows gives the same bytes as one shard", async () => {
  const cuts = fc.uniqueArray(fc.integer({ min: 1, max: 59 }), { maxLength: 6 });
  let run = 0;
  const digestsOf = async (bounds: readonly number[]) => {
    run += 1;
    options = {
      ...options,
      paths: workPaths(join(root, `run${run}`)),
    };
    const recipes = bounds.slice(1).map((end, shard) => slice(shard, bounds[shard] ?? 0, end));
    const files = await reducePartials({ ...options, partials: await write(recipes) });
    return files.map(({ output }) => output.sha256);
  };
  const whole = await digestsOf([0, 60]);
  await fc.assert(
    fc.asyncProperty(cuts, async (inner) => {
      expect(await digestsOf([0, ...inner.sort((a, b) => a - b), 60])).toEqual(whole);
    }),
    { numRuns: 12 },
  );
});

test("sums of floats are bit-identical in each run, with or without merged files", async () => {
  const reduce = {
    floats: {
      combine: "SELECT k, sum(sin(v) * 1e9) AS s FROM rows GROUP BY ALL",
      final: "SELECT sum(s) AS s, avg(s) AS a FROM partials",
    },
    rows: { final: "SELECT k, sum(cos(v) / 3) AS c FROM rows GROUP BY ALL" },
  };
  const recipes = Array.from({ length: 12 }, (_, shard) => slice(shard, shard * 500, (shard + 1) * 500));
  const partials = await write(recipes, reduce);
  const first = await reducePartials({ ...options, reduce, partials });
  const again = await reducePartials({ ...options, reduce, partials });
  const mergeLimits = { filesInPlace: 3, filesPerMerge: 5, bytesPerMerge: 1 << 20 };
  const merged = await reducePartials({ ...options, reduce, partials, mergeLimits });
  expect(again).toEqual(first);
  expect(merged).toEqual(first);
  expect(await readdir(options.paths.temp)).toEqual([]);
});

test("shards without rows, and a job without files, give empty tables with their columns", async () => {
  const partials = await write([slice(0, 5, 5)]);
  await reducePartials({ ...options, partials });
  expect(await reduced("totals")).toEqual([]);
  const files = await reducePartials({ ...options, partials: [] });
  expect(files.map(({ output }) => output.rows)).toEqual([0, 0]);
  const { columns } = await readReduction(below(options.paths.stage, "_reduced/totals.pq"), storage, 1);
  expect(columns).toEqual(["k", "s", "n", "m"]);
});

test("no reductions give no files, and remove the folder of an earlier attempt", async () => {
  await reducePartials({ ...options, partials: await write([slice(0, 0, 3)]) });
  expect(await reducePartials({ ...options, reduce: {}, partials: [] })).toEqual([]);
  expect(await readdir(options.paths.stage)).toEqual([]);
});

test.for(["combined-totals.parquet", "rows.parquet"])(
  "a damaged or missing %s fails with PARTIAL_INVALID and its shard",
  async (name) => {
    const partials = await write([slice(0, 0, 10), slice(1, 10, 20)]);
    const [, damaged] = partials;
    if (damaged === undefined) throw new Error("no partial");
    const path = join(options.paths.partials, partialFolder(damaged), name);
    const bytes = await readFile(path);
    bytes[10] = (bytes[10] ?? 0) ^ 1;
    await writeFile(path, bytes);
    await expect(reducePartials({ ...options, partials })).rejects.toMatchObject({
      code: "PARTIAL_INVALID",
      fields: { shard: 1, digest: damaged.digest, path },
    });
    await rm(path);
    await expect(reducePartials({ ...options, partials })).rejects.toMatchObject({
      code: "PARTIAL_INVALID",
      fields: { shard: 1, digest: damaged.digest, path, found: "nothing" },
    });
  },
);

test("files that no reduction reads are not read", async () => {
  const { totals } = REDUCE;
  if (totals === undefined) throw new Error("no reduction");
  const partials = await write([slice(0, 0, 10)]);
  const [partial] = partials;
  if (partial === undefined) throw new Error("no partial");
  await rm(join(options.paths.partials, partialFolder(partial), "rows.parquet"));
  const files = await reducePartials({ ...options, reduce: { totals }, partials });
  expect(files).toHaveLength(1);
});

test("the error of a failed run names the reduction", async () => {
  const reduce = { bad: { final: "SELECT error('too much') AS e FROM rows" } };
  const partials = await write([slice(0, 0, 10)], reduce);
  await expect(reducePartials({ ...options, reduce, partials })).rejects.toMatchObject({
    code: "SQL_FAILED",
    fields: { where: "reduce.bad.final" },
  });
});

test("an abort stops the running query and rejects with its reason", async () => {
  const reduce = {
    slow: { final: "SELECT count(*) AS n FROM rows, range(1000000000000) t(i) WHERE i % 7 = v" },
  };
  const partials = await write([slice(0, 0, 10)], reduce);
  const controller = new AbortController();
  const reason = new Error("cancelled");
  setTimeout(() => controller.abort(reason), 50);
  await expect(reducePartials({ ...options, reduce, partials, signal: controller.signal })).rejects.toBe(
    reason,
  );
});

test("a preview has the first rows and the number of all rows", async () => {
  await reducePartials({ ...options, partials: await write([slice(0, 0, 10)]) });
  const preview = await readReduction(below(options.paths.stage, "_reduced/totals.pq"), storage, 2);
  expect(preview).toEqual({
    columns: ["k", "s", "n", "m"],
    rows: [
      [0, 25, 2, 25],
      [1, 37, 2, 36],
    ],
    totalRows: 5,
  });
});

test("a preview shows columns of any name", async () => {
  const reduce = { odd: { final: `SELECT 1 AS "__proto__", 'a' AS "constructor", NULL AS "c0"` } };
  await reducePartials({ ...options, reduce, partials: await write([slice(0, 0, 10)]) });
  const preview = await readReduction(below(options.paths.stage, "_reduced/odd.pq"), storage, 2);
  expect(preview).toEqual({
    columns: ["__proto__", "constructor", "c0"],
    rows: [[1, "a", null]],
    totalRows: 1,
  });
});

test("a final joins with the tables of the job, and one that changed or is missing is an error", async () => {
  const path = join(root, "names.parquet");
  await using database = await openLockedDatabase({ folders: [root], tempFolder: root });
  const names = "SELECT range AS k, 'name ' || range AS name FROM range(4)";
  await database.copyOwn({ where: "names", sql: names }, path);
  const file = { location: parseLocation(path), ...(await digestFile(path, options.signal)) };
  const tables = { names: { ...file, rows: 4 } };
  const final = `${REDUCE.totals?.final?.replace("partials", "partials JOIN names USING (k)")}`;
  const reduce = {
    totals: {
      combine: "SELECT k, sum(v) AS s, count(*) AS n, max(v) AS m FROM rows GROUP BY ALL",
      final: final.replace("SELECT k", "SELECT name"),
    },
  };
  const partials = await write([slice(0, 0, 7), slice(1, 7, 20)], reduce);
  await reducePartials({ ...options, reduce, partials, tables });
  expect(await reduced("totals")).toEqual(
    await direct(
      slice(0, 0, 20).rows,
      `SELECT 'name ' || k AS name, sum(v)::BIGINT, count(*), max(v) FROM rows WHERE k < 4 GROUP BY k ORDER BY k`,
    ),
  );
  for (const change of [() => writeFile(path, "other"), () => rm(path)]) {
    await change();
    await expect(reducePartials({ ...options, reduce, partials, tables })).rejects.toMatchObject({
      code: "MODEL_CHANGED",
      fields: { path },
    });
  }
});
