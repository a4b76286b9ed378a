import { mkdir, rename, rm, writeFile } from "node:fs/promises";
import { Float64, Int64, makeData, Table } from "apache-arrow";
import { describe, expect, test } from "vitest";
import { planJob } from "../../coordinator/plan/plan-job.ts";
import { readInput } from "../../coordinator/plan/read-input.ts";
import { NEVER } from "../../shared/core/abort.ts";
import { encodeArrow } from "../../shared/dataset/encode.ts";
import { plannedRows } from "../../shared/domain/dataset-rows.ts";
import { leaseSlices } from "../../shared/domain/lease-slices.ts";
import { readJobSource } from "../../shared/job-file/read-job-file.ts";
import { createLocalStorage } from "../../shared/storage/local.ts";
import { BusyMeter } from "../../worker/meter/busy-meter.ts";
import { InputFiles } from "../../worker/read/input-files.ts";
import { ShardInput } from "../../worker/read/shard-input.ts";
import type { Way } from "../../worker/read/ways.ts";
import { JobFolder } from "../support/job-folder.ts";
import { startCoordinator, startWorker } from "../support/job-processes.ts";
import { query } from "../support/known-answer.ts";
import { KnownJob } from "../support/known-job.ts";
import { needs } from "../support/needs.ts";
import { WITHOUT_ESTIMATE } from "../support/plan-options.ts";
import { runCli } from "../support/processes.ts";
import { plainRows, tableOf } from "../support/sample-table.ts";

/** Folders `name=value` as DuckDB writes them, with their rows as DuckDB reads them. */

const CITIES = ["Oslo", "a b", "x/y", "50%", "ü €", "", "a=b", "a+b", "#?&", ".", "..", "%41", "*[1]{a}"];

/** Ranges of twenty rows each: `year` is an integer, `day` a date, and `city` a text, with some nulls. */
const ROWS = `
  SELECT id, (id % 64) / 8 AS a,
    CASE WHEN part % 7 = 6 THEN NULL ELSE 2020 + part % 3 END AS year,
    CASE WHEN part % 5 = 4 THEN NULL ELSE DATE '2024-02-28' + CAST(part % 2 AS INTEGER) END AS day,
    CASE WHEN part % 14 = 13 THEN NULL
      ELSE [${CITIES.map((city) => `'${city}'`).join(", ")}][CAST(part % ${CITIES.length} AS INTEGER) + 1] END AS city
  FROM (SELECT id, id // 20 AS part FROM range(600) AS numbers(id))`;

const NAMES = ["year", "day", "city"];
const COLUMNS = `id, a, year, CAST(day AS VARCHAR), city`;
const TYPES = "hive_partitioning = true, hive_types = {'year': BIGINT, 'day': DATE, 'city': VARCHAR}";

/** Reads all rows of `data`, as planned and read by a worker. */
async function readAll(folder: JobFolder): Promise<unknown[]> {
  const { spec } = await readJobSource(folder.job, { set: [], env: {} });
  const planned = await planJob(spec, { signal: NEVER });
  expect(planned.partitions).toMatchObject({
    kind: "hive",
    fields: [
      { name: "year", type: { kind: "numeric", type: "int64" } },
      { name: "day", type: { kind: "date" } },
      { name: "city", type: { kind: "string" } },
    ],
  });
  await using storage = createLocalStorage();
  const way: Way = {
    stat: (location) => storage.stat(location, NEVER),
    read: (...range) => storage.read(...range),
    checksVersion: async () => false,
  };
  await using files = new InputFiles({ ways: [way], meter: new BusyMeter(() => 0) });
  const rows: unknown[] = [];
  for (const shard of planned.shards) {
    const slices = leaseSlices(planned.dataset.files, plannedRows(planned), shard);
    using input = await ShardInput.open(slices, files, { signal: NEVER, onFile: () => {} });
    for await (const batch of input.read(planned.map.columns, NEVER))
      rows.push(...plainRows(new Table([batch])));
  }
  return rows;
}

const ALL = {
  input: { path: "./data", shardRows: 50 },
  map: {
    inputs: { input: { columns: ["a", "a", "a", "year"], fill: 0 } },
    outputs: { logits: {} },
    keep: ["id", ...NAMES],
  },
  reduce: {},
};

async function folderFor(format: string): Promise<JobFolder> {
  const folder = await JobFolder.make({ files: 0, spec: ALL });
  await query(
    `COPY (${ROWS}) TO '${folder.at("data")}' (FORMAT ${format}, PARTITION_BY (${NAMES.join(", ")}))`,
  );
  return folder;
}

const asRows = (rows: readonly unknown[][]) =>
  rows.map(([id, a, year, day, city]) => ({
    id: `${id}n`,
    a,
    year: year === null ? null : `${year}n`,
    day: day === null ? null : Date.parse(`${day}`),
    city,
  }));

const byId = (rows: readonly unknown[]) =>
  [...rows]
    .map((row) => row as { id: string })
    .sort((a, b) => Number.parseInt(a.id, 10) - Number.parseInt(b.id, 10));

const arrowOf = (ids: readonly bigint[], a: readonly number[]) =>
  encodeArrow(
    tableOf({
      id: makeData({ type: new Int64(), data: BigInt64Array.from(ids) }),
      a: makeData({ type: new Float64(), data: Float64Array.from(a) }),
    }),
  );
const jsonOf = (ids: readonly bigint[], a: readonly number[]) =>
  ids.map((id, at) => `{"id":${id},"a":${a[at]?.toFixed(3)}}`).join("\n");

describe("partition folders of DuckDB", () => {
  needs("csv-json").each([
    ["parquet", (folder: string) => `read_parquet('${folder}/**/*.parquet', ${TYPES})`],
    ["csv", (folder: string) => `read_csv('${folder}/**/*.csv', ${TYPES})`],
  ])("are read from .%s files as DuckDB reads them", async (format, reader) => {
    await using folder = await folderFor(format);
    const wanted = await query(`SELECT ${COLUMNS} FROM ${reader(folder.at("data"))} ORDER BY id`);
    expect(wanted).toEqual(await query(`SELECT ${COLUMNS} FROM (${ROWS}) ORDER BY id`));
    expect(byId(await readAll(folder))).toEqual(asRows(wanted));
  });

  needs("csv-json").each([
    ["arrow", arrowOf],
    ["jsonl", jsonOf],
  ])("are read the same with .%s files in them", async (ending, encode) => {
    await using folder = await folderFor("parquet");
    const found = await query(`
      SELECT filename, list(id ORDER BY id), list(a ORDER BY id)
      FROM read_parquet('${folder.at("data")}/**/*.parquet', filename = true, hive_partitioning = false) GROUP BY ALL`);
    for (const [name, ids, a] of found as [string, bigint[], number[]][]) {
      await writeFile(name.replace(/parquet$/, ending), encode(ids, a));
      await rm(name);
    }
    const wanted = await query(`SELECT ${COLUMNS} FROM (${ROWS}) ORDER BY id`);
    expect(byId(await readAll(folder))).toEqual(asRows(wanted));
  });
});

const features = Array.from({ length: 7 }, (_, index) => `f${index}`);

test("a remote worker reads partition folders as columns, with the same result as columns in files", async () => {
  const spec = {
    input: { shardRows: 40, where: "year IS DISTINCT FROM 2021 AND id % 11 <> 3" },
    map: {
      prepare: [
        { sql: "SELECT *, coalesce(city, 'nowhere') || '!' AS place FROM rows WHERE day IS NOT NULL" },
      ],
      inputs: { input: { columns: [...features, "year"], fill: 7 } },
      keep: ["id", "year", "day", "city", "place"],
    },
    reduce: { days: "SELECT day, year, count(*) AS n, sum(id) AS ids FROM rows GROUP BY ALL ORDER BY ALL" },
  };
  const rows = `SELECT *, ${features.map((name, at) => `((id * 7 + ${at} * 3) % 64 / 8)::FLOAT AS ${name}`).join(", ")} FROM (${ROWS})`;
  await using job = await KnownJob.make({ files: 0, layout: "columns", spec });
  await query(`COPY (${rows}) TO '${job.at("data")}' (FORMAT parquet, PARTITION_BY (${NAMES.join(", ")}))`);
  const { cli, address } = await startCoordinator(job);
  await using coordinator = cli;
  await using worker = startWorker(job, address, ["--data", "coordinator"]);
  expect(await coordinator.ended).toMatchObject({ code: 0 });
  expect((await worker.ended).stderr).toContain('"input":"coordinator"');

  await using flat = await KnownJob.make({ files: 0, layout: "columns", spec });
  await mkdir(flat.at("data"));
  const read = `read_parquet('${job.at("data")}/**/*.parquet', ${TYPES})`;
  await query(
    `COPY (SELECT * FROM ${read} ORDER BY id) TO '${flat.at("data/all.parquet")}' (FORMAT parquet)`,
  );
  expect(await runCli(["run", flat.path, "--workers", "1"], flat)).toMatchObject({ code: 0 });

  const published = ({ out }: KnownJob) =>
    query(`SELECT * REPLACE (CAST(day AS VARCHAR) AS day) FROM '${out}/rows/*.parquet' ORDER BY id`);
  const wanted = await published(flat);
  const [[left] = []] = await query(
    `SELECT count(*) FROM ${read} WHERE ${spec.input.where} AND day IS NOT NULL`,
  );
  expect(wanted).toHaveLength(Number(left));
  expect(await published(job)).toEqual(wanted);
  const days = ({ out }: KnownJob) =>
    query(`SELECT CAST(day AS VARCHAR), * EXCLUDE (day) FROM read_parquet('${out}/_reduced/days.pq')`);
  expect(await days(job)).toEqual(await days(flat));
});

describe("input.where over partition folders", () => {
  test.each([
    ["year = 2021", "all"],
    ["day > '2024-02-28' AND a < 3", "some"],
    ["city IN ('x/y', 'ü €', 'nowhere')", "all"],
    ["year IS NULL OR day IS NULL", "all"],
    ["NOT (year <> 2020) AND city >= 'a'", "all"],
    ["year BETWEEN 2021 AND 2022 AND id >= 0", "all"],
    ["CAST(year AS VARCHAR) = '2021'", "some"],
    ["year = id", "some"],
    ["YEAR = 2021 AND nope = 1", "none"],
  ])("excludes files by their folders, as DuckDB does: %s", async (where, ruled) => {
    await using folder = await folderFor("parquet");
    const { spec } = await readJobSource(folder.job, { set: [], env: {} });
    const job = { ...spec, input: { ...spec.input, where } };
    const { dataset, skippedFiles } = await readInput(job, { signal: NEVER });
    const left = dataset.files.map(({ path }) => path);
    const read = `read_parquet('${folder.at("data")}/**/*.parquet', filename = true, ${TYPES})`;
    const all = await query(`SELECT DISTINCT filename FROM ${read}`);
    expect(skippedFiles.length > 0).toBe(left.length < all.length);
    if (ruled === "none") {
      expect(left).toHaveLength(all.length);
      return;
    }
    const wanted = await query(`SELECT DISTINCT filename FROM ${read} WHERE ${where} ORDER BY ALL`);
    if (ruled === "all") expect(left.map((path) => [path])).toEqual(wanted);
    else expect(left).toEqual(expect.arrayContaining(wanted.flat()));
  });

  test("does not read or count excluded files, and the plan lists their folders", async () => {
    await using folder = await JobFolder.make({
      files: 2,
      spec: { input: { path: "./data", where: "year >= 2020 AND id >= 100" } },
    });
    for (const [at, year] of [2020, 2021].entries()) {
      await mkdir(folder.at(`data/year=${year}`));
      await rename(folder.at(`data/part-${at}.parquet`), folder.at(`data/year=${year}/a.parquet`));
    }
    const [old, older] = ["data/year=1998", "data/year=1999"];
    for (const name of [`${old}/a.parquet`, `${older}/b.arrow`]) await folder.write(name, "no data at all");
    const plan = await runCli(["plan", folder.job, ...WITHOUT_ESTIMATE, "--json"]);
    expect(plan).toMatchObject({ code: 0 });
    expect(JSON.parse(plan.stdout)).toMatchObject({
      skippedFiles: [{ reason: "ruledOutFolder", count: 2, examples: [folder.at(old), folder.at(older)] }],
      // Row groups are excluded by the file's statistics of `id`.
      pruned: [{ file: 0, rowStart: 0, rowEnd: 100 }],
    });
    const run = await runCli(["run", folder.job, "--workers", "1", "--json"]);
    expect(run).toMatchObject({ code: 0 });
    expect(run.stderr).toContain("2 folders that `input.where` rules out, not listed");
    expect(JSON.parse(run.stdout)).toMatchObject({ rows: 300, rowsPruned: 100, rowsOut: 300 });
    // Another excluded folder changes nothing.
    await folder.write("data/year=2001/c.parquet", "none either");
    const again = await runCli(["run", folder.job, "--workers", "1", "--json"]);
    expect(again).toMatchObject({ code: 0 });
    expect(again.stderr).not.toContain("another job");
  });

  needs("csv-json")("publishes all columns and no rows when no folder fulfils it", async () => {
    await using folder = await JobFolder.make({
      files: 0,
      spec: { ...ALL, input: { path: "./data", where: "year = 1" } },
    });
    await query(`COPY (${ROWS}) TO '${folder.at("data")}' (FORMAT csv, PARTITION_BY (${NAMES.join(", ")}))`);
    const run = await runCli(["run", folder.job, "--workers", "1", "--json"]);
    expect(run).toMatchObject({ code: 0 });
    expect(JSON.parse(run.stdout)).toMatchObject({ rows: 0, rowsPruned: 20, rowsOut: 0 });
    const columns = await query(`SELECT column_name FROM (DESCRIBE FROM '${folder.out}/rows/*.parquet')`);
    expect(columns.flat()).toEqual(["id", ...NAMES, "logits"]);
  });
});

test("renaming a partition folder makes another job", async () => {
  await using folder = await JobFolder.make({ files: 1 });
  await mkdir(folder.at("data/year=7"));
  await rename(folder.at("data/part-0.parquet"), folder.at("data/year=7/a.parquet"));
  const run = () => runCli(["run", folder.job, "--workers", "1", "--set", "map.keep=[year]"]);
  expect(await run()).toMatchObject({ code: 0 });
  expect(await query(`SELECT DISTINCT year FROM '${folder.out}/rows/*.parquet'`)).toEqual([[7n]]);
  const again = await run();
  expect(again.stderr).toContain("published");
  await rename(folder.at("data/year=7"), folder.at("data/year=8"));
  const other = await run();
  expect(other.code).not.toBe(0);
  expect(other.stderr).toContain("holds the result of another job: the input changed since");
});

test("folders that cannot be columns are reported in the plan, and refused when the job requires them", async () => {
  await using folder = await JobFolder.make({ files: 2 });
  await mkdir(folder.at("data/year=7"));
  await rename(folder.at("data/part-0.parquet"), folder.at("data/year=7/a.parquet"));
  const plan = (...more: string[]) => runCli(["plan", folder.job, ...WITHOUT_ESTIMATE, ...more]);
  const { stdout } = await plan();
  expect(stdout).toMatch(/folders +no columns: not all files lie in folders of the same names: none \(/);
  const { code, stderr } = await plan("--set", "input.partitions=hive");
  expect(code).toBe(2);
  for (const part of ["input.partitions", "data/year=7/a.parquet"]) expect(stderr).toContain(part);
  await rm(folder.at("data/part-1.parquet"));
  expect((await plan()).stdout).toMatch(/folders +year int64/);
  expect((await plan("--set", "input.partitions=none")).stdout).not.toMatch(/^ *folders/m);
});
