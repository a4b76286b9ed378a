import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Int32, makeData, type Table } from "apache-arrow";
import fc from "fast-check";
import { afterAll, beforeAll, expect, test } from "vitest";
import { NEVER } from "../../../../shared/core/abort.ts";
import { encodeArrow, encodeParquet } from "../../../../shared/dataset/encode.ts";
import { openDatasetFile } from "../../../../shared/dataset/open-dataset-file.ts";
import { sortTable } from "../../../../shared/dataset/sort-table.ts";
import { below, parseLocation } from "../../../../shared/domain/location.ts";
import { rowsFormOf } from "../../../../shared/domain/output-shape.ts";
import type { SortKey } from "../../../../shared/domain/rows-form.ts";
import type { SortLimits } from "../../../../shared/rows/cut-sample.ts";
import { planSortedParts, type SortedFile } from "../../../../shared/rows/plan-sorted-parts.ts";
import { sampleRows } from "../../../../shared/rows/sample-rows.ts";
import { writeParts } from "../../../../shared/rows/write-parts.ts";
import { type LockedDatabase, openLockedDatabase } from "../../../../shared/sql/locked-database.ts";
import { parquetScan } from "../../../../shared/sql/quote.ts";
import { createLocalStorage } from "../../../../shared/storage/local.ts";
import { sourceOfBytes } from "../../../../shared/storage/put-source.ts";
import { memorySource } from "../../../support/memory-source.ts";
import { readRows } from "../../../support/read-rows.ts";
import { tableOf } from "../../../support/sample-table.ts";
import { orderInSql, someSort, sortableCells, sortableTable } from "../../../support/sortable-table.ts";

const storage = createLocalStorage();
const access = { storage, signal: NEVER };
let root: string;
let database: LockedDatabase;
beforeAll(async () => {
  root = await mkdtemp(join(tmpdir(), "shardmill-sort-all-"));
  database = await openLockedDatabase({ folders: [root], tempFolder: join(root, "tmp") });
});
afterAll(async () => {
  await database[Symbol.asyncDispose]();
  await storage[Symbol.asyncDispose]();
  await rm(root, { recursive: true, force: true });
});

interface Sorting {
  readonly sort: readonly SortKey[];
  readonly limits: SortLimits;
  readonly format?: "parquet" | "arrow";
  /** Rows of each sample. */
  readonly sampled?: number;
}

let run = 0;

async function put(path: string, bytes: Uint8Array) {
  const location = parseLocation(join(root, `${run}`, path));
  await storage.put(location, sourceOfBytes(bytes), { signal: NEVER });
  return { location, bytes: bytes.length };
}

/** Sorts the rows of shards as workers do, and all rows as a coordinator does. Returns the parts in order. */
async function sortAll(shards: readonly Table[], { sort, limits, format = "parquet", sampled }: Sorting) {
  run += 1;
  const encode = format === "arrow" ? encodeArrow : encodeParquet;
  const files: SortedFile[] = [];
  for (const [shard, table] of shards.entries()) {
    const sorted = sortTable(table, sort);
    const sample = sampleRows(sorted, sort, shard, sampled);
    const { numRows: rows } = sorted;
    const of = { ...(await put(`sample-${shard}.${format}`, encode(sample))), rows: sample.numRows };
    files.push({ ...(await put(`rows-${shard}.${format}`, encode(sorted))), rows, sample: of });
  }
  const parts = await planSortedParts({ files, format, sort, limits }, access);
  const scratch = join(root, `${run}`);
  const folder = parseLocation(join(scratch, "parts"));
  const form = {
    format,
    ending: format,
    form: rowsFormOf({ sort: [...sort] }),
    isSortedAcross: true,
    partitionBy: [],
  };
  const place = { ...access, from: storage, folder, scratch };
  const made = await writeParts({ files, parts, first: 0, ...form }, place);
  return made.map(({ name, part: _, ...part }) => ({ ...part, location: below(folder, name) }));
}

const partBytes = fc.integer({ min: 400, max: 12_000 });

const someShards = fc
  .array(fc.integer({ min: 0, max: 25 }), { minLength: 1, maxLength: 5 })
  .filter((rows) => rows.some((count) => count > 0))
  .chain((rows) => fc.tuple(...rows.map((count) => sortableCells(count))).map((cells) => ({ rows, cells })));

/** Makes the tables of shards. `n` numbers all rows, in plan order. */
function tablesOf({ rows, cells }: { rows: readonly number[]; cells: readonly object[] }): Table[] {
  let first = 0;
  return rows.map((count, shard) => {
    const table = sortableTable({ rows: count, cells: (cells[shard] ?? {}) as never }, first);
    first += count;
    return table;
  });
}

const quoted = (paths: readonly string[]) => `[${paths.map((path) => `'${path}'`).join(", ")}]`;

test("the parts are one sort of all rows, in which equal rows keep plan order", async () => {
  let most = 0;
  await fc.assert(
    fc.asyncProperty(
      someShards,
      fc.record({ sort: someSort, partMemory: partBytes, sampled: fc.integer({ min: 3, max: 12 }) }),
      fc.constantFrom(1, 4, Number.POSITIVE_INFINITY),
      async (shards, { partMemory, ...sorting }, heavy) => {
        const tables = tablesOf(shards);
        const limits = { partMemory, equalMemory: heavy * partMemory };
        const parts = await sortAll(tables, { ...sorting, limits });
        most = Math.max(most, parts.length);
        const all = tables.map((_, shard) => join(root, `${run}`, `rows-${shard}.parquet`));
        const order = await database.rows(`SELECT n FROM ${parquetScan(all)} ${orderInSql(sorting.sort)}`);
        // DuckDB's sort makes -0 of a key 0. So it only decides the order.
        const byN = new Map((await database.rows(`FROM ${parquetScan(all)}`)).map((row) => [row.n, row]));
        const wanted = order.map(({ n }) => byN.get(n));
        const names = quoted(parts.map(({ location }) => location));
        const found = await database.rows(
          `SELECT * EXCLUDE (file_row_number) FROM read_parquet(${names}, file_row_number = true)
           ORDER BY file_index, file_row_number`,
        );
        expect(found).toEqual(wanted);
        expect(parts.map(({ rows }) => rows)).not.toContain(0);
      },
    ),
    { numRuns: 40 },
  );
  expect(most).toBeGreaterThan(5);
});

const ints = (values: readonly number[], first: number) =>
  tableOf({
    key: makeData({ type: new Int32(), data: Int32Array.from(values) }),
    n: makeData({ type: new Int32(), data: Int32Array.from(values, (_, row) => first + row) }),
  });
const byKey = [{ column: "key", order: "ascending" as const }];
const mixed = (row: number) => Math.imul(row, 0x9e3779b1) >>> 8;

async function keysOf(path: string, format: "parquet" | "arrow"): Promise<number[]> {
  using file = await openDatasetFile(memorySource(await readFile(path)), format, NEVER);
  return [...((await readRows(file)).getChild("key") ?? [])];
}

test.each(["parquet", "arrow"] as const)(
  "parts are even, and equal keys are in one part, in %s",
  async (format) => {
    const shards = Array.from({ length: 6 }, (_, shard) =>
      ints(
        Array.from({ length: 5_000 }, (_, row) => mixed(shard * 5_000 + row) % 3_000),
        shard * 5_000,
      ),
    );
    const limits = { partMemory: 1 << 20, equalMemory: 4 << 20 };
    const parts = await sortAll(shards, { sort: byKey, limits, format });
    // A row takes 256 bytes, and its values twice.
    expect(parts).toHaveLength(8);
    for (const { rows } of parts) expect(Math.abs(rows / (30_000 / 8) - 1)).toBeLessThan(0.05);
    const keys = await Promise.all(parts.map(({ location }) => keysOf(location, format)));
    for (const [index, own] of keys.entries())
      if (index > 0) expect(keys[index - 1]?.at(-1)).toBeLessThan(own[0] ?? 0);
    expect((await sortAll(shards, { sort: byKey, limits, format })).map(({ sha256 }) => sha256)).toEqual(
      parts.map(({ sha256 }) => sha256),
    );
  },
);

test("rows of one key that are too many to be sorted at once are cut in plan order", async () => {
  const shards = Array.from({ length: 4 }, (_, shard) =>
    ints(
      Array.from({ length: 5_000 }, (_, row) => (row % 10 === 0 ? row : 7)),
      shard * 5_000,
    ),
  );
  const parts = await sortAll(shards, { sort: byKey, limits: { partMemory: 1 << 20, equalMemory: 4 << 20 } });
  expect(Math.max(...parts.map(({ rows }) => rows))).toBeLessThan(4_200);
  const found = await database.rows(
    `SELECT n FROM read_parquet(${quoted(parts.map(({ location }) => location))}, file_row_number = true)
     ORDER BY file_index, file_row_number`,
  );
  const all = shards.map((_, shard) => join(root, `${run}`, `rows-${shard}.parquet`));
  const wanted = await database.rows(`SELECT n FROM ${parquetScan(all)} ORDER BY key, n`);
  expect(found).toEqual(wanted);
});

test("shards without rows give one part without rows", async () => {
  const limits = { partMemory: 1, equalMemory: 1 };
  const parts = await sortAll([ints([], 0), ints([], 0)], { sort: byKey, limits });
  expect(parts.map(({ rows }) => rows)).toEqual([0]);
});
