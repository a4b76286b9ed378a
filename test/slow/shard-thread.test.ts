import { copyFile, mkdir, mkdtemp, readdir, readFile, rm, stat, utimes, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { NEVER } from "../../shared/core/abort.ts";
import { digestFile } from "../../shared/core/digest.ts";
import { encodeArrow, encodeParquet } from "../../shared/dataset/encode.ts";
import type { InputFile } from "../../shared/domain/dataset.ts";
import { asExecutionId } from "../../shared/domain/execution-id.ts";
import type { Lease } from "../../shared/domain/job.ts";
import { parseLocation } from "../../shared/domain/location.ts";
import { type PartialManifest, partialFolder } from "../../shared/domain/partial.ts";
import { partialDigest } from "../../shared/domain/partial-digest.ts";
import { openLockedDatabase } from "../../shared/sql/locked-database.ts";
import type { JobDescription } from "../../shared/wire/job-description.ts";
import { FakeLane } from "../support/fake-lane.ts";
import { aDigest } from "../support/ids.ts";
import { aJob, type FakeModel, leaseOn, SUM_PLAN } from "../support/shard-job.ts";
import { BAD_ROW, expectedRows, inputTable, ROWS, tagOf } from "../support/shard-table.ts";
import { startShardThread } from "../support/shard-thread.ts";

let folder: string;
let inputPath: string;
let arrowPath: string;
let partialsPath: string;
let scratchPath: string;
const closing: (() => Promise<unknown> | undefined)[] = [];

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "shardmill-shard-"));
  inputPath = join(folder, "in.parquet");
  arrowPath = join(folder, "in.arrow");
  await writeFile(inputPath, encodeParquet(inputTable(), { rowGroupRows: 300 }));
  await writeFile(arrowPath, encodeArrow(inputTable()));
});
afterAll(() => rm(folder, { recursive: true, force: true }));

beforeEach(async () => {
  const own = await mkdtemp(join(folder, "test-"));
  partialsPath = join(own, "partials");
  scratchPath = join(own, "scratch");
  await mkdir(partialsPath);
  await mkdir(scratchPath);
});
afterEach(async () => {
  for (const close of closing.splice(0)) await close();
});

/** Returns a lease on rows of one file, with changes of the file. */
function withFile(lease: Lease, changes: Partial<InputFile>): Lease {
  return {
    ...lease,
    slices: lease.slices.map((slice) => ({ ...slice, file: { ...slice.file, ...changes } })),
  };
}

async function startThread(job: JobDescription, model: FakeModel = {}) {
  const lane = new FakeLane(model);
  const thread = await startShardThread({ job, lanePorts: [lane.port], scratchPath });
  closing.push(
    () => thread[Symbol.asyncDispose](),
    async () => lane[Symbol.dispose](),
  );
  return { ...thread, lane };
}

const pathOf = (partial: PartialManifest, name: string) => join(partialsPath, partialFolder(partial), name);

async function query(sql: string): Promise<Record<string, unknown>[]> {
  await using database = await openLockedDatabase({ folders: [folder], tempFolder: folder });
  return await database.rows(sql);
}

async function readRows(path: string) {
  const rows = await query(`SELECT * FROM read_parquet('${path}')`);
  return rows.map((row) => ({ ...row, id: Number(row.id) }));
}

test("a partial has the shard's rows in order, kept columns, dead letters, counts and digests", async () => {
  const { run, waitFor } = await startThread(aJob({ partialsPath }));
  const lease = await leaseOn(inputPath, { rowStart: 100, rowEnd: 900 });
  const partial = await run(lease);
  expect(partial).toMatchObject({
    shard: 1,
    executionId: "e1",
    rowsIn: 800,
    rowsOut: 799,
    rowsDeadLettered: 1,
  });
  expect(partial.firstDeadLetter).toEqual({
    file: inputPath,
    row: BAD_ROW,
    stage: "tensorize",
    code: "ROW_NULL",
    message: "column `x` is null, and there is no fill for it",
  });
  expect(await readRows(pathOf(partial, "rows.parquet"))).toEqual(expectedRows(100, 900, [BAD_ROW]));
  const [dead] = await query(`SELECT * FROM read_parquet('${pathOf(partial, "errors.parquet")}')`);
  expect(dead).toMatchObject({ file: inputPath, stage: "tensorize", code: "ROW_NULL", tag: tagOf(BAD_ROW) });
  expect([Number(dead?.row), Number(dead?.id)]).toEqual([BAD_ROW, BAD_ROW]);

  expect(partial.files.map(({ kind, name, rows }) => [kind, name, rows])).toEqual([
    ["rows", "rows.parquet", 799],
    ["errors", "errors.parquet", 1],
  ]);
  for (const { name, bytes, sha256 } of partial.files)
    expect(await digestFile(pathOf(partial, name), NEVER)).toEqual({ bytes, sha256 });
  expect(partial.digest).toBe(partialDigest(partial.files));
  expect(await readdir(join(partialsPath, partialFolder(partial)))).toHaveLength(2);
  expect(await readdir(scratchPath)).toEqual([]);
  await waitFor(({ kind }) => kind === "shardRead");
  await waitFor(({ kind }) => kind === "progress");
});

test("a shard gives the same bytes for every batch size, from a Parquet or an Arrow file", async () => {
  const reduce = { tags: { combine: "SELECT tag, sum(scores[1]) AS s FROM rows GROUP BY tag", final: "" } };
  const digests = new Map<string, Set<string>>();
  for (const path of [inputPath, arrowPath]) {
    for (const [index, batchRows] of [7, 64, 100_000, "auto" as const].entries()) {
      const { run } = await startThread(aJob({ partialsPath, batchRows, reduce }));
      const partial = await run(
        await leaseOn(path),
        asExecutionId(`e${index}${path === arrowPath ? "a" : "p"}`),
      );
      expect(partial.files.map(({ name }) => name)).toEqual([
        "rows.parquet",
        "errors.parquet",
        "combined-tags.parquet",
      ]);
      for (const { name, sha256 } of partial.files) {
        // Dead letters name their file.
        const key = name === "errors.parquet" ? `${name} of ${path}` : name;
        digests.set(key, (digests.get(key) ?? new Set()).add(sha256));
      }
    }
  }
  expect([...digests.values()].map(({ size }) => size)).toEqual([1, 1, 1, 1]);
});

describe("combine", () => {
  const reduce = {
    totals: {
      combine: "SELECT tag, count(*) AS n, sum(scores[2]) AS d FROM rows GROUP BY tag ORDER BY tag",
      final: "",
    },
    all: { final: "SELECT count(*) FROM rows" },
  };

  test.each(["parquet", "arrow", "none"] as const)(
    "SQL runs over the rows with output.rows %s",
    async (rowsFormat) => {
      const { run } = await startThread(aJob({ partialsPath, rowsFormat, reduce }));
      const partial = await run(await leaseOn(inputPath));
      const names = partial.files.map(({ name }) => name).sort();
      const rows = rowsFormat === "none" ? [] : [`rows.${rowsFormat}`];
      const scan = rowsFormat === "parquet" ? [] : ["scan.parquet"];
      expect(names).toEqual(["combined-totals.parquet", "errors.parquet", ...rows, ...scan]);
      const found = await query(
        `SELECT * FROM read_parquet('${pathOf(partial, "combined-totals.parquet")}')`,
      );
      const all = expectedRows(0, ROWS, [BAD_ROW]);
      const expected = ["t0", "t1", "t2", null].map((tag) => {
        const mine = all.filter((row) => row.tag === tag);
        return [tag, mine.length, mine.reduce((sum, { scores }) => sum + (scores[1] ?? 0), 0)];
      });
      expect(found.map((row) => [row.tag, Number(row.n), Number(row.d)])).toEqual(expected);
      // The database of the reduction stays open in a folder of its own, without the shard's rows.
      const left = await readdir(scratchPath, { recursive: true, withFileTypes: true });
      expect(left.filter((entry) => !entry.isDirectory())).toEqual([]);
      for (const close of closing.splice(0)) await close();
      expect(await readdir(scratchPath)).toEqual([]);
    },
  );

  test("SQL that fails on the data fails the shard with DuckDB's message, and leaves no partial", async () => {
    const broken = { bad: { combine: "SELECT CAST(tag AS INT) FROM rows", final: "" } };
    const { run } = await startThread(aJob({ partialsPath, reduce: broken }));
    await expect(run(await leaseOn(inputPath))).rejects.toMatchObject({
      code: "SQL_FAILED",
      message: expect.stringMatching(/reduce.bad.combine failed: .*t1/),
    });
    expect(await readdir(partialsPath)).toEqual([]);
    expect(await readdir(scratchPath)).toEqual([]);
  });
});

describe("a model that fails", () => {
  test("makes only the row on which it fails a dead letter", async () => {
    const { run, lane } = await startThread(aJob({ partialsPath, batchRows: 64 }), { poison: 555 });
    const partial = await run(await leaseOn(inputPath));
    expect(partial).toMatchObject({ rowsIn: ROWS, rowsOut: ROWS - 2, rowsDeadLettered: 2 });
    const dead = await query(
      `SELECT "row"::INT AS "row", stage, code, message FROM read_parquet('${pathOf(partial, "errors.parquet")}')`,
    );
    expect(dead.at(-1)).toEqual({ row: 555, stage: "infer", code: "ROW_FAILED", message: "cannot take 555" });
    expect(await readRows(pathOf(partial, "rows.parquet"))).toEqual(expectedRows(0, ROWS, [BAD_ROW, 555]));
    expect(lane.batchRows.filter((rows) => rows === 1).length).toBeGreaterThan(0);
  });

  test("gets smaller batches when it runs out of memory", async () => {
    const { run, lane } = await startThread(aJob({ partialsPath, batchRows: 200 }), { fitsRows: 30 });
    const partial = await run(await leaseOn(inputPath));
    expect(await readRows(pathOf(partial, "rows.parquet"))).toEqual(expectedRows(0, ROWS, [BAD_ROW]));
    expect(lane.batchRows.at(-1)).toBeLessThanOrEqual(30);
  });

  test("fails the shard when it runs out of memory on a single row", async () => {
    const { run } = await startThread(aJob({ partialsPath }), { fitsRows: 0 });
    await expect(run(await leaseOn(inputPath))).rejects.toMatchObject({ code: "OUT_OF_MEMORY" });
    expect(await readdir(partialsPath)).toEqual([]);
  });
});

test("a shard of only invalid rows becomes a partial with all columns and no rows", async () => {
  const { run } = await startThread(aJob({ partialsPath }));
  const partial = await run(await leaseOn(inputPath, { rowStart: BAD_ROW, rowEnd: BAD_ROW + 1 }));
  expect(partial).toMatchObject({ rowsIn: 1, rowsOut: 0, rowsDeadLettered: 1 });
  const described = await query(`DESCRIBE FROM read_parquet('${pathOf(partial, "rows.parquet")}')`);
  expect(described.map((row) => [row.column_name, row.column_type])).toEqual([
    ["id", "BIGINT"],
    ["tag", "VARCHAR"],
    ["scores", "FLOAT[]"],
    ["best", "VARCHAR"],
  ]);
});

test("a model with a fixed batch gets only full batches, and the filling rows are not published", async () => {
  const map = { ...SUM_PLAN, fixedBatchRows: 48 };
  const { run, lane } = await startThread(aJob({ partialsPath, map, batchRows: "auto" }), { poison: 999 });
  const partial = await run(await leaseOn(inputPath));
  expect(new Set(lane.batchRows.map((rows) => rows % 48))).toEqual(new Set([0]));
  expect(await readRows(pathOf(partial, "rows.parquet"))).toEqual(expectedRows(0, ROWS, [BAD_ROW, 999]));
});

describe("an input file that differs from the plan", () => {
  test("fails the shard when its modification time, its footer or its size differs", async () => {
    const path = join(folder, "changing.parquet");
    await copyFile(inputPath, path);
    const lease = await leaseOn(path);
    const { run } = await startThread(aJob({ partialsPath }));
    expect((await run(lease)).rowsOut).toBe(ROWS - 1);
    const { atimeMs, mtimeMs } = await stat(path);
    await utimes(path, atimeMs / 1000, mtimeMs / 1000 + 5);
    await expect(
      run({ ...lease, token: { generation: 1, sequence: 2 } }, asExecutionId("e2")),
    ).rejects.toMatchObject({
      code: "INPUT_CHANGED",
      fields: { path, what: "version" },
    });
    const now = await leaseOn(path);
    const bytes = (await stat(path)).size + 1;
    for (const [what, changes] of [
      ["footer", { footerSha256: aDigest("0".repeat(64)) }],
      ["bytes", { bytes }],
    ] as const) {
      const fresh = await startThread(aJob({ partialsPath }));
      await expect(fresh.run(withFile(now, changes))).rejects.toMatchObject({
        code: "INPUT_CHANGED",
        fields: { path, what },
      });
    }
  });

  test("fails the shard when it is missing, and the thread runs the next shard", async () => {
    const { run } = await startThread(aJob({ partialsPath }));
    const lease = await leaseOn(inputPath);
    const path = join(folder, "none.parquet");
    const gone = withFile(lease, { path: parseLocation(path) });
    await expect(run(gone)).rejects.toMatchObject({ code: "INPUT_CHANGED", fields: { path } });
    expect((await run(await leaseOn(inputPath, { sequence: 2 }))).rowsOut).toBe(ROWS - 1);
  });

  test("fails with INPUT_CORRUPT when its pages are damaged, and the thread must be replaced", async () => {
    const path = join(folder, "corrupt.parquet");
    const bytes = await readFile(inputPath);
    bytes.fill(0xff, 4, 200);
    await writeFile(path, bytes);
    const { run } = await startThread(aJob({ partialsPath }));
    const corrupt = { code: "INPUT_CORRUPT", fields: { path, poisoned: true } };
    await expect(run(await leaseOn(path))).rejects.toMatchObject(corrupt);
    expect(await readdir(partialsPath)).toEqual([]);
  });
});
