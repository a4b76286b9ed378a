import { mkdir, mkdtemp, readdir, rm, utimes, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type DuckDBConnection, DuckDBInstance } from "@duckdb/node-api";
import fc from "fast-check";
import { afterAll, beforeAll, beforeEach, expect, test } from "vitest";
import { NEVER } from "../../../../shared/core/abort.ts";
import { fieldsOf } from "../../../../shared/dataset/fields.ts";
import { openDatasetFile } from "../../../../shared/dataset/open-dataset-file.ts";
import type { Field } from "../../../../shared/domain/dataset.ts";
import { asExecutionId } from "../../../../shared/domain/execution-id.ts";
import type { Lease } from "../../../../shared/domain/job.ts";
import { parseLocation } from "../../../../shared/domain/location.ts";
import { type PartialManifest, partialFolder } from "../../../../shared/domain/partial.ts";
import { createLocalStorage } from "../../../../shared/storage/local.ts";
import { byteSource } from "../../../../shared/storage/storage.ts";
import type { JobDescription } from "../../../../shared/wire/job-description.ts";
import { NOTHING_LEARNED } from "../../../../worker/batch/batch-sizer.ts";
import { BusyMeter } from "../../../../worker/meter/busy-meter.ts";
import { CopiedShards } from "../../../../worker/pipeline/copied-shards.ts";
import { ShardContext } from "../../../../worker/pipeline/shard-context.ts";
import { InputFiles } from "../../../../worker/read/input-files.ts";
import { openWays } from "../../../../worker/read/ways.ts";
import { foreignFiles } from "../../../support/foreign-files.ts";
import { aJob, leaseOn, SUM_PLAN } from "../../../support/shard-job.ts";
import { failureOf } from "../../../support/wire-rig.ts";

/** Columns of many types, with nulls, zeros of both signs, NaN and infinity. */
const COLUMNS = [
  "CASE WHEN i % 3 = 0 THEN NULL ELSE i * 7919 END AS v",
  "(i % 200 - 100)::TINYINT AS a",
  "(i * 3)::UINTEGER AS u",
  "i % 2 = 0 AS q",
  "CASE i % 5 WHEN 0 THEN 'nan' WHEN 1 THEN '-0.0' WHEN 2 THEN 'inf' ELSE (i * 0.37)::VARCHAR END::DOUBLE AS f",
  "(i * 0.37)::FLOAT AS g",
  "CASE WHEN i % 4 = 0 THEN NULL ELSE 'tö' || (i % 50) END AS t",
  "md5(i::VARCHAR) AS h",
  "encode(md5(i::VARCHAR)) AS b",
  "[i, NULL, i % 7] AS l",
  "CASE i % 3 WHEN 0 THEN NULL WHEN 1 THEN [] ELSE [{x: i, y: ['a', NULL]}] END AS n",
  "{a: i % 5, b: CASE WHEN i % 6 = 0 THEN NULL ELSE [md5(i::VARCHAR)] END} AS s",
  "(i / 8)::DECIMAL(30, 3) AS d",
  "(i % 1000)::DECIMAL(9, 2) AS e",
  "DATE '1969-12-01' + (i % 90)::INTEGER AS day",
  "TIME '01:02:03.000004' AS clock",
  "TIMESTAMP '1960-01-01' + INTERVAL (i) MINUTE AS ts",
  "TIMESTAMPTZ '2026-01-01' + INTERVAL (i) SECOND AS tz",
  "(TIMESTAMP '2026-01-01' + INTERVAL (i) SECOND)::TIMESTAMP_NS AS ns",
];

const REDUCE: JobDescription["reduce"] = {
  all: { by: ["id"], final: "SELECT * FROM rows" },
  counts: {
    combine: "SELECT id % 7 AS k, count(*) AS n, sum(id)::BIGINT AS total FROM rows GROUP BY k ORDER BY k",
    final: "SELECT 1",
  },
};

let root: string;
let own: string;
let instance: DuckDBInstance;
let duckdb: DuckDBConnection;
beforeAll(async () => {
  root = await mkdtemp(join(tmpdir(), "shardmill-copied-"));
  instance = await DuckDBInstance.create(":memory:", { threads: "1" });
  duckdb = await instance.connect();
});
afterAll(async () => {
  duckdb.disconnectSync();
  instance.closeSync();
  await rm(root, { recursive: true, force: true });
});
beforeEach(renew);

async function renew(): Promise<void> {
  own = await mkdtemp(join(root, "test-"));
  for (const name of ["decoded", "copied", "scratch"]) await mkdir(join(own, name));
}

async function write(columns: readonly string[], rows: number, settings: string): Promise<string> {
  const path = join(own, "in.parquet");
  await duckdb.run(
    `COPY (SELECT i AS id, ${columns.join(", ")} FROM range(${rows}) r(i)) TO '${path}' (FORMAT parquet, ${settings})`,
  );
  return path;
}

async function jobOn(path: string, partials: "decoded" | "copied", reduce = REDUCE): Promise<JobDescription> {
  await using storage = createLocalStorage();
  const location = parseLocation(path);
  const { bytes } = await storage.stat(location, NEVER);
  using file = await openDatasetFile(byteSource(storage, location, bytes), "parquet", NEVER);
  const keep: readonly Field[] = fieldsOf(file.schema);
  return aJob({
    partialsPath: join(own, partials),
    model: null,
    map: { ...SUM_PLAN, inputs: [], outputs: [], keep, columns: keep.map(({ name }) => name) },
    rowsFormat: "none",
    reduce,
    copiesRows: partials === "copied",
  });
}

function openCopied(job: JobDescription): CopiedShards {
  const input = openWays([{ kind: "shared" }], job);
  const meter = new BusyMeter(() => 0);
  const files = new InputFiles({ ways: input.ways, meter });
  return new CopiedShards({
    ...{ job, input, output: { kind: "shared" }, files, meter, atOnce: 2 },
    scratchPath: join(own, "scratch"),
  });
}

function openContext(job: JobDescription): ShardContext {
  return new ShardContext({
    ...{
      job,
      input: openWays([{ kind: "shared" }], job),
      output: { kind: "shared" },
      lanes: null,
      stages: [],
    },
    ...{ shardThreads: 1, cores: 2, scratchPath: join(own, "scratch"), learned: NOTHING_LEARNED },
    ...{ meter: new BusyMeter(() => 0), nowMs: () => 0, onFar: () => {}, onLearned: () => {} },
  });
}

const EXECUTION = asExecutionId("e1");
const attemptOn = (lease: Lease, signal = NEVER) => ({ lease, executionId: EXECUTION, signal, onRead() {} });

/** Returns the rows of a SELECT in order as texts, and its types. */
async function answer(sql: string): Promise<readonly string[]> {
  const rows = await duckdb.runAndReadAll(`SELECT t::VARCHAR FROM (${sql}) t`);
  const types = await duckdb.runAndReadAll(`DESCRIBE ${sql}`);
  return [...types.getRows(), ...rows.getRows()].map((row) => row.slice(0, 2).join(" "));
}

function table(partial: PartialManifest, of: "decoded" | "copied", name: string): string {
  return `FROM read_parquet('${join(own, of, partialFolder(partial), `combined-${name}.parquet`)}')`;
}

/** Combines a shard in both ways, and expects DuckDB's answers over the input of both. */
async function expectSame(path: string, lease: Lease): Promise<void> {
  const { rowStart, rowEnd } = lease.shard;
  await using context = openContext(await jobOn(path, "decoded"));
  await using shards = openCopied(await jobOn(path, "copied"));
  const calls = { signal: NEVER, emit: () => {} };
  const decoded = await context.run(lease, EXECUTION, calls);
  const copied = await shards.run(attemptOn(lease));
  if (copied === null) throw new Error("the shard was not combined from copies");
  const { files: _, digest: __, ...counts } = decoded;
  expect(copied).toMatchObject(counts);
  expect(copied.files.map(({ kind, name, rows }) => [kind, name, rows])).toEqual(
    decoded.files.map(({ kind, name, rows }) => [kind, name, rows]),
  );
  for (const name of ["all", "counts"])
    expect(await answer(table(copied, "copied", name))).toEqual(
      await answer(table(decoded, "decoded", name)),
    );
  const input = `FROM read_parquet('${path}', file_row_number = true) WHERE file_row_number >= ${rowStart} AND file_row_number < ${rowEnd}`;
  expect(
    await answer(`SELECT * EXCLUDE ("shardmill:bucket") ${table(copied, "copied", "all")} ORDER BY id`),
  ).toEqual(await answer(`SELECT * EXCLUDE (file_row_number) ${input} ORDER BY id`));
}

test("any rows of any columns give the table that decoded rows give, and DuckDB's own answer", async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.subarray(COLUMNS, { minLength: 1 }),
      fc.constantFrom("COMPRESSION zstd", "COMPRESSION snappy", "COMPRESSION gzip, PARQUET_VERSION v2"),
      fc.constantFrom(2_048, 4_096),
      fc.nat(4_000),
      // A short range of a long row group is left to the decoder.
      fc.integer({ min: 2_800, max: 4_000 }),
      async (columns, settings, groupRows, rowStart, rows) => {
        await renew();
        const path = await write(columns, 8_000, `${settings}, ROW_GROUP_SIZE ${groupRows}`);
        await expectSame(path, await leaseOn(path, { rowStart, rowEnd: rowStart + rows }));
      },
    ),
    { numRuns: 8, endOnFailure: true },
  );
}, 300_000);

test("a shard of two files has the rows of both, in order", async () => {
  const first = await write(COLUMNS, 100, "COMPRESSION zstd");
  const second = join(own, "second.parquet");
  await duckdb.run(`COPY (FROM '${first}' ORDER BY id DESC LIMIT 60) TO '${second}' (FORMAT parquet)`);
  const [one, two] = [await leaseOn(first, { rowStart: 50 }), await leaseOn(second)];
  const lease = { ...one, shard: { ...one.shard, rowEnd: 160 }, slices: [...one.slices, ...two.slices] };
  const job = await jobOn(first, "copied", { all: { combine: "FROM rows", final: "SELECT 1" } });
  await using shards = openCopied(job);
  const copied = await shards.run(attemptOn(lease));
  expect(copied).toMatchObject({ rowsIn: 110, rowsMapped: 110, rowsOut: 110, rowsDeadLettered: 0 });
  if (copied === null) throw new Error("the shard was not combined from copies");
  expect(await answer(table(copied, "copied", "all"))).toEqual(
    await answer(`(FROM '${first}' OFFSET 50) UNION ALL (FROM '${second}')`),
  );
});

test("an empty shard has empty tables with the types of the rows", async () => {
  const path = await write(COLUMNS, 0, "COMPRESSION zstd");
  await expectSame(path, await leaseOn(path));
});

test("a file of another writer, in small row groups, gives the same table", async () => {
  const path = join(own, "foreign.parquet");
  await writeFile(path, foreignFiles.parquet);
  const reduce = { all: { combine: "FROM rows", final: "SELECT 1" } };
  await using shards = openCopied(await jobOn(path, "copied", reduce));
  const copied = await shards.run(attemptOn(await leaseOn(path, { rowStart: 1, rowEnd: 3 })));
  if (copied === null) throw new Error("the shard was not combined from copies");
  expect(await answer(table(copied, "copied", "all"))).toEqual(await answer(`FROM '${path}' OFFSET 1`));
});

test("a file that changed since the plan is left to the map, which fails with INPUT_CHANGED", async () => {
  const path = await write(COLUMNS, 3_000, "COMPRESSION zstd");
  const lease = await leaseOn(path);
  const job = await jobOn(path, "copied");
  await utimes(path, new Date(0), new Date(0));
  await using shards = openCopied(job);
  expect(await shards.run(attemptOn(lease))).toBeNull();
  await using context = openContext(job);
  const failed = context.run(lease, EXECUTION, { signal: NEVER, emit: () => {} });
  expect(await failureOf(failed)).toMatchObject({ code: "INPUT_CHANGED" });
  expect(await readdir(join(own, "copied"))).toEqual([]);
});

test("rows that DuckDB reads as another type, and SQL that fails are left to the map", async () => {
  const path = join(own, "uuid.parquet");
  await duckdb.run(`COPY (SELECT uuid() AS id FROM range(10)) TO '${path}' (FORMAT parquet)`);
  const reduce = { all: { combine: "FROM rows", final: "SELECT 1" } };
  await using others = openCopied(await jobOn(path, "copied", reduce));
  const lease = await leaseOn(path);
  expect(await others.run(attemptOn(lease))).toBeNull();
  await using context = openContext(await jobOn(path, "copied", reduce));
  const mapped = await context.run(lease, EXECUTION, { signal: NEVER, emit: () => {} });
  expect(mapped).toMatchObject({ rowsOut: 10 });

  const sums = { all: { combine: "SELECT sum(h::INTEGER) FROM rows", final: "SELECT 1" } };
  const texts = await write(COLUMNS, 3_000, "COMPRESSION zstd");
  await using failing = openContext(await jobOn(texts, "copied", sums));
  const calls = { signal: NEVER, emit: () => {} };
  const failed = failing.run(await leaseOn(texts, { sequence: 2 }), EXECUTION, calls);
  expect(await failureOf(failed)).toMatchObject({
    code: "SQL_FAILED",
    fields: { where: "reduce.all.combine" },
  });
});

test("an abandoned shard ends its SQL, and leaves nothing", async () => {
  const path = await write(COLUMNS, 3_000, "COMPRESSION zstd");
  const endless = { n: { combine: "SELECT count(*) FROM rows, range(1000000000000)", final: "SELECT 1" } };
  await using shards = openCopied(await jobOn(path, "copied", endless));
  const stop = new AbortController();
  const attempt = {
    ...attemptOn(await leaseOn(path), stop.signal),
    onRead: () => setTimeout(() => stop.abort(new Error("abandoned")), 300),
  };
  await expect(shards.run(attempt)).rejects.toThrow("abandoned");
  expect(await readdir(join(own, "copied"))).toEqual([]);
  expect((await readdir(join(own, "scratch"))).filter((name) => name.startsWith("copies-"))).toEqual([]);
});

test("rows with NaN count where a condition includes them, although statistics leave NaN out", async () => {
  const path = await write(["CASE WHEN i = 5 THEN 'nan'::DOUBLE ELSE i END AS f"], 10, "COMPRESSION zstd");
  const above: JobDescription["reduce"] = {
    above: { combine: "SELECT id FROM rows WHERE f > 100", final: "SELECT 1" },
  };
  const lease = await leaseOn(path);
  await using context = openContext(await jobOn(path, "decoded", above));
  await using shards = openCopied(await jobOn(path, "copied", above));
  const decoded = await context.run(lease, EXECUTION, { signal: NEVER, emit: () => {} });
  const copied = await shards.run(attemptOn(lease));
  if (copied === null) throw new Error("the shard was not combined from copies");
  const wanted = ["id BIGINT", "{'id': 5}"];
  expect(await answer(table(decoded, "decoded", "above"))).toEqual(wanted);
  expect(await answer(table(copied, "copied", "above"))).toEqual(wanted);
});

test("shards are combined at once, and one does not wait for another's SQL", async () => {
  const path = await write(["i % 2 AS v"], 3_000, "COMPRESSION zstd, ROW_GROUP_SIZE 2048");
  const combine = "SELECT count(*) AS n FROM rows, range(CASE WHEN id < 9 THEN 1000000000000 ELSE 1 END)";
  await using shards = openCopied(await jobOn(path, "copied", { n: { combine, final: "SELECT 1" } }));
  const stop = new AbortController();
  const endless = shards.run(attemptOn(await leaseOn(path, { rowEnd: 2_048 }), stop.signal));
  const other = attemptOn(await leaseOn(path, { sequence: 2, rowStart: 2_048 }));
  expect(await shards.run(other)).toMatchObject({ rowsOut: 952 });
  stop.abort(new Error("abandoned"));
  await expect(endless).rejects.toThrow("abandoned");
});

test("several reductions of several shards do not wait for each other's processes", async () => {
  const path = await write(["i % 2 AS v"], 100, "COMPRESSION zstd");
  const spec = { combine: "FROM rows", final: "SELECT 1" };
  await using shards = openCopied(await jobOn(path, "copied", { a: spec, b: spec, c: spec, d: spec }));
  const leases = await Promise.all([1, 2, 3].map((sequence) => leaseOn(path, { sequence })));
  expect(await Promise.all(leases.map((lease) => shards.run(attemptOn(lease))))).toHaveLength(3);
});
