import { mkdir, mkdtemp, open, rm, stat } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type DuckDBConnection, DuckDBInstance } from "@duckdb/node-api";
import fc from "fast-check";
import { afterAll, beforeAll, expect, test } from "vitest";
import { NEVER } from "../../../../shared/core/abort.ts";
import { digestFile } from "../../../../shared/core/digest.ts";
import { BUCKETS, type BucketRange } from "../../../../shared/domain/buckets.ts";
import type { Field } from "../../../../shared/domain/dataset.ts";
import { type Location, localPathOf, parseLocation } from "../../../../shared/domain/location.ts";
import type { TableFile } from "../../../../shared/domain/reduction-tasks.ts";
import type { MergeLimits, ScanFile } from "../../../../shared/reduce/merge-small-files.ts";
import { reducePart } from "../../../../shared/reduce/reduce-part.ts";
import { tableFilesHere } from "../../../../shared/reduce/table-copies.ts";
import { bucketsOf, inBuckets } from "../../../../shared/sql/in-buckets.ts";
import { openLockedDatabase } from "../../../../shared/sql/locked-database.ts";
import { parquetScan, quoteLiteral } from "../../../../shared/sql/quote.ts";

/** Bytes beside a table's own row groups: its end, and a gap of a request on both sides of them. */
const SLACK_BYTES = (64 + 2 * 128) << 10;

/** Columns of many types. `h`: 64 characters that do not compress. */
const COLUMNS: readonly string[] = [
  "md5(i::VARCHAR) || md5((-i)::VARCHAR) AS h",
  "CASE WHEN i % 3 = 0 THEN NULL ELSE i * 7919 END AS v",
  "'t' || (i % 50) AS t",
  "[i, NULL, i % 7] AS l",
  "{a: i % 5, b: [md5(i::VARCHAR)]} AS s",
  "(i / 8)::DECIMAL(30, 3) AS d",
  "(i % 1000)::DECIMAL(9, 2) AS e",
  "NULL::INTEGER AS n",
  "(i * 0.37)::FLOAT AS f",
  "TIMESTAMP '2026-01-01' + INTERVAL (i) SECOND AS ts",
  "i % 2 = 0 AS q",
  "encode(md5(i::VARCHAR)) AS b",
];

let root: string;
let instance: DuckDBInstance;
let duckdb: DuckDBConnection;
beforeAll(async () => {
  root = await mkdtemp(join(tmpdir(), "shardmill-table-copies-"));
  instance = await DuckDBInstance.create(":memory:", { threads: "1" });
  duckdb = await instance.connect();
});
afterAll(async () => {
  duckdb.disconnectSync();
  instance.closeSync();
  await rm(root, { recursive: true, force: true });
});

let made = 0;
async function newFolder(): Promise<string> {
  made += 1;
  const folder = join(root, `folder${made}`);
  await mkdir(folder);
  return folder;
}

interface Recipe {
  /** SELECT with the key column `k`. */
  readonly select: string;
  readonly groupRows?: number;
}

async function writeTables(recipes: readonly Recipe[]): Promise<TableFile[]> {
  const folder = await newFolder();
  const tables: TableFile[] = [];
  for (const [index, { select, groupRows = 2_048 }] of recipes.entries()) {
    const path = join(folder, `${index}.parquet`);
    const settings = `FORMAT parquet, COMPRESSION lz4_raw, ROW_GROUP_SIZE ${groupRows}`;
    await duckdb.run(`COPY (${inBuckets(select, ["k"])}) TO ${quoteLiteral(path)} (${settings})`);
    const [counted] = await rowsOf(`SELECT count(*)::INTEGER AS n FROM ${parquetScan([path])}`);
    const stored = await digestFile(path, NEVER);
    tables.push({ location: parseLocation(path), rows: Number(counted?.n), ...stored });
  }
  return tables;
}

async function rowsOf(sql: string) {
  return (await duckdb.runAndReadAll(sql)).getRowObjectsJson();
}

/** Reads of tables, with their bytes. */
function countedReads() {
  const reads: { readonly location: Location; readonly bytes: number }[] = [];
  const read = async (location: Location, start: number, end: number, signal: AbortSignal) => {
    signal.throwIfAborted();
    reads.push({ location, bytes: end - start });
    const file = await open(localPathOf(location));
    try {
      const { buffer, bytesRead } = await file.read(new Uint8Array(end - start), 0, end - start, start);
      return buffer.subarray(0, bytesRead);
    } finally {
      await file.close();
    }
  };
  return { reads, read };
}

function wholeFiles(tables: readonly TableFile[]): readonly ScanFile[] {
  return tables.map(({ location, bytes }) => ({ path: localPathOf(location), bytes }));
}

/** Returns the bytes of a range's row groups, as DuckDB describes them, and all bytes beside row groups. */
async function neededBytes({ location, bytes }: TableFile, { from, to }: BucketRange): Promise<number> {
  const bucket = "path_in_schema = 'shardmill:bucket'";
  const groups = `SELECT row_group_id, sum(total_compressed_size) AS bytes,
      any_value(TRY_CAST(stats_min_value AS INTEGER)) FILTER (${bucket}) AS least,
      any_value(TRY_CAST(stats_max_value AS INTEGER)) FILTER (${bucket}) AS greatest
    FROM parquet_metadata(${quoteLiteral(localPathOf(location))}) GROUP BY ALL`;
  const overlaps = `greatest >= ${from} AND least < ${to}`;
  const [sums] = await rowsOf(
    `SELECT coalesce(sum(bytes) FILTER (${overlaps}), 0)::INTEGER AS own, coalesce(sum(bytes), 0)::INTEGER AS every FROM (${groups})`,
  );
  return Number(sums?.own) + bytes - Number(sums?.every);
}

const recipe = fc.record({
  rows: fc.constantFrom(0, 1, 300, 9_000, 25_000),
  moreRows: fc.constantFrom(0, 700, 9_000),
  groupRows: fc.constantFrom(2_048, 4_096, 16_384),
  columns: fc.subarray([...COLUMNS], { minLength: 1 }),
  keys: fc.constantFrom(3, 700, 1_000_000),
});
const bucketRange = fc
  .tuple(fc.integer({ min: 0, max: BUCKETS - 1 }), fc.constantFrom(1, 64, 400, BUCKETS))
  .map(([from, count]): BucketRange => ({ from, to: Math.min(BUCKETS, from + count) }));

test("copies have the rows of the tables, from few more bytes than the range's row groups", async () => {
  let skipped = 0;
  await fc.assert(
    fc.asyncProperty(recipe, bucketRange, fc.nat(1_000_000), async (made, range, key) => {
      const { columns, keys, groupRows, rows, moreRows } = made;
      const select = (count: number) =>
        `SELECT hash(i) % ${keys} AS k, i, ${columns.join(", ")} FROM range(${count}) r(i)`;
      const tables = await writeTables(
        [rows, moreRows].map((count) => ({ select: select(count), groupRows })),
      );
      const { reads, read } = countedReads();
      const folder = await newFolder();
      const copies = await tableFilesHere(tables, range, { read, folder }, NEVER);
      for (const table of tables) {
        const own = reads.filter(({ location }) => location === table.location);
        const bytesRead = own.reduce((sum, { bytes }) => sum + bytes, 0);
        expect(bytesRead).toBeLessThanOrEqual((await neededBytes(table, range)) + SLACK_BYTES);
        if (bytesRead < table.bytes / 2) skipped += 1;
      }

      await using database = await openLockedDatabase({ folders: [root], tempFolder: folder });
      const scans = [wholeFiles(tables), copies].map((files) =>
        bucketsOf(parquetScan(files.map(({ path }) => path)), range),
      );
      for (const sql of [
        "FROM rows",
        `FROM rows WHERE k = ${key % keys}`,
        "FROM rows ORDER BY i DESC, k LIMIT 3",
        "FROM rows QUALIFY row_number() OVER (PARTITION BY k % 3 ORDER BY i) < 3 ORDER BY ALL",
        "SELECT count(*), max(i) FROM rows",
      ]) {
        const [whole, sparse] = await Promise.all(
          scans.map((scan) => database.rows(`WITH rows AS ${scan} ${sql}`)),
        );
        expect(sparse).toEqual(whole);
      }
    }),
    { numRuns: 25 },
  );
  expect(skipped).toBeGreaterThan(2);
});

const FINALS: readonly string[] = [
  "SELECT k, sum(i)::BIGINT AS s FROM rows GROUP BY k",
  "SELECT * FROM rows JOIN (SELECT (j * 31 % 500)::UBIGINT AS k, j FROM range(1000) r(j)) USING (k) ORDER BY ALL",
  "SELECT k, list(i) AS l FROM rows WHERE t = 't7' GROUP BY k ORDER BY k",
  "SELECT k, i, row_number() OVER (PARTITION BY k ORDER BY i) AS n FROM rows",
  "FROM rows ORDER BY h LIMIT 3",
  "FROM rows",
];

test("a part makes the same bytes of copies as of the whole tables, merged or not", async () => {
  const select = (rows: number, keys: number, from = 0) =>
    `SELECT hash(i) % ${keys} AS k, i, ${COLUMNS[0]}, ${COLUMNS[2]} FROM range(${from}, ${from + rows}) r(i)`;
  const tables = await writeTables([
    { select: select(20_000, 500) },
    // A single key, in bucket 0. Other ranges have no row of it.
    { select: select(20_000, 1) },
    { select: select(200, 500, 20_000) },
    { select: select(0, 500) },
    { select: select(9_000, 500, 30_000) },
  ]);
  const merged: MergeLimits = { filesInPlace: 2, filesPerMerge: 3, bytesPerMerge: 1 << 30 };
  for (const range of [
    { from: 0, to: 64 },
    { from: 2_000, to: 2_100 },
    { from: 4_095, to: 4_096 },
  ]) {
    const { reads, read } = countedReads();
    const copies = await tableFilesHere(tables, range, { read, folder: await newFolder() }, NEVER);
    const bytesRead = reads.reduce((sum, { bytes }) => sum + bytes, 0);
    expect(bytesRead).toBeLessThan(tables.reduce((sum, { bytes }) => sum + bytes, 0));
    for (const final of FINALS)
      for (const limits of [undefined, merged]) {
        const [whole, sparse] = await Promise.all(
          [wholeFiles(tables), copies].map((files) => reduced(files, range, final, limits)),
        );
        expect(sparse).toEqual(whole);
      }
  }
});

async function reduced(
  files: readonly ScanFile[],
  range: BucketRange,
  final: string,
  mergeLimits: MergeLimits | undefined,
) {
  const scratch = await newFolder();
  const target = join(scratch, "part.parquet");
  const spec = { by: ["k"], final };
  const fields: Field[] = [
    { name: "k", type: { kind: "numeric", type: "uint64" }, nullable: true },
    { name: "i", type: { kind: "numeric", type: "int64" }, nullable: true },
    { name: "h", type: { kind: "string" }, nullable: true },
    { name: "t", type: { kind: "string" }, nullable: true },
  ];
  const part = { name: "part", spec, binding: null, tables: {}, fields, files, range };
  const place = { scratch, folders: [root], target, signal: NEVER, mergeLimits, open: openLockedDatabase };
  const counts = await reducePart(part, place);
  return { ...counts, ...(await digestFile(target, NEVER)) };
}

test("a small table takes one request, and a large one two", async () => {
  const select = (rows: number) => `SELECT i AS k, ${COLUMNS.join(", ")} FROM range(${rows}) r(i)`;
  const tables = await writeTables([{ select: select(50) }, { select: select(20_000) }]);
  const { reads, read } = countedReads();
  const range = { from: 7, to: 8 };
  const copies = await tableFilesHere(tables, range, { read, folder: await newFolder() }, NEVER);
  const [small, large] = tables.map((table) => reads.filter(({ location }) => location === table.location));
  expect(small).toHaveLength(1);
  expect(large).toHaveLength(2);
  expect(copies.map(({ bytes }) => bytes)).toEqual(tables.map(({ bytes }) => bytes));
  for (const { path, bytes } of copies) expect((await stat(path)).size).toBe(bytes);
});

test("a copy without a row of the range has the table's columns, and no rows in any order", async () => {
  const tables = await writeTables([
    { select: `SELECT 0 AS k, i, ${COLUMNS.join(", ")} FROM range(20000) r(i)` },
  ]);
  const { read } = countedReads();
  const range = { from: 7, to: 8 };
  const [copy] = await tableFilesHere(tables, range, { read, folder: await newFolder() }, NEVER);
  const [columns, wanted] = [copy?.path ?? "", ...wholeFiles(tables).map(({ path }) => path)].map((path) =>
    rowsOf(`DESCRIBE FROM ${parquetScan([path])}`),
  );
  expect(await columns).toEqual(await wanted);
  const scan = parquetScan([copy?.path ?? ""]);
  expect(await rowsOf(`FROM ${scan}`)).toEqual([]);
  // DuckDB plans a second scan, of all row groups, that only the found rows would limit.
  expect(await rowsOf(`FROM ${bucketsOf(scan, range)} ORDER BY i LIMIT 3`)).toEqual([]);
});

test("a damaged table, or another one, fails with PARTIAL_INVALID", async () => {
  const select = `SELECT i AS k, ${COLUMNS.join(", ")} FROM range(20000) r(i)`;
  const [table] = (await writeTables([{ select }])) as [TableFile];
  const { read } = countedReads();
  for (const [claimed, reader] of [
    [{ ...table, rows: table.rows + 1 }, read],
    [{ ...table, bytes: table.bytes - 1 }, read],
    [{ ...table, bytes: table.bytes + 1 }, read],
    [{ ...table, bytes: 5 }, read],
    [table, async (...args: Parameters<typeof read>) => (await read(...args)).subarray(1)],
    [table, async (...args: Parameters<typeof read>) => (await read(...args)).fill(7)],
  ] as const) {
    const place = { read: reader, folder: await newFolder() };
    const copies = tableFilesHere([claimed], { from: 0, to: 1 }, place, NEVER);
    await expect(copies).rejects.toMatchObject({ code: "PARTIAL_INVALID", fields: { path: table.location } });
  }
});

test("an abort ends the copies, and a failed read is the reader's error", async () => {
  const tables = await writeTables([{ select: "SELECT i AS k FROM range(10) r(i)" }]);
  const { read } = countedReads();
  const range = { from: 0, to: 1 };
  const aborted = AbortSignal.abort(new Error("stopped"));
  await expect(tableFilesHere(tables, range, { read, folder: await newFolder() }, aborted)).rejects.toThrow(
    "stopped",
  );
  const failing = async () => Promise.reject(new Error("no route"));
  const place = { read: failing, folder: await newFolder() };
  await expect(tableFilesHere(tables, range, place, NEVER)).rejects.toThrow("no route");
});
