import { execFile } from "node:child_process";
import { mkdir } from "node:fs/promises";
import { join } from "node:path";
import { promisify } from "node:util";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { packageRoot } from "../../../shared/core/package-root.ts";
import { JobFolder } from "../../support/job-folder.ts";
import { query } from "../../support/known-answer.ts";
import { runCli } from "../../support/processes.ts";
import { type S3Server, startS3Server } from "../../support/s3-server.ts";
import { encodedListings } from "./listing-proxy.ts";

/**
 * Published outputs, read by third-party programs. Each output is one dataset, in spite of the other files
 * beside its rows (marker, manifest, dead letters, other runs). `npm run readers` installs the programs.
 */

const tools = process.env.SHARDMILL_FOREIGN ?? "";
const SCRIPT = join(packageRoot, "test", "external", "readers", "read_output.py");
const PYTHON = join(tools, "python", "bin", "python");
const PEERS_PYTHON = join(packageRoot, "bench", ".data", "peers-venv", "bin", "python");
/** Limit of a reader: Ray and Spark start slowly on a busy machine. */
const LIMIT_MS = 600_000;

const COLUMNS = ["id", "kind", "day", "n", "flag", "best"] as const;

type Row = readonly (string | null)[];

/** An output, and the columns that a reader must return. */
interface Case {
  readonly root: string;
  readonly folders: boolean;
  readonly runs: boolean;
  readonly columns: readonly string[];
}

interface Found {
  readonly call: string;
  readonly columns: readonly string[];
  readonly rows: readonly Row[];
}

let job: JobFolder;
let server: S3Server;
let wanted: readonly Row[];

/**
 * Writes rows `[first, end)` as a file. One row in forty cannot be mapped, and some texts need escapes in
 * folder names.
 */
async function writeRows(name: string, first: number, end: number): Promise<void> {
  await query(`COPY (SELECT i::BIGINT AS id, (i % 4)::INT AS n, i % 2 = 0 AS flag, DATE '2026-01-01' + (i % 3)::INT AS day,
    [CASE WHEN i % 40 = 7 THEN NULL ELSE i / 100.0 END, 1, -i / 50.0, 0.5]::FLOAT[] AS x,
    ['a b', 'é', 'x=y', '50%', 'a/b', 'null', '7', '日本', NULL][1 + i % 9] AS kind
    FROM range(${first}, ${end}) t(i)) TO '${job.at(name)}' (FORMAT parquet)`);
}

/** Publishes the outputs to a folder or a bucket. */
async function publishAll(base: string, env: Readonly<Record<string, string>> = {}): Promise<void> {
  const run = async (output: object, input: object = {}) => {
    await job.writeJob({
      input: { path: "./data", shardRows: 30, ...input },
      map: {
        inputs: { input: "x" },
        outputs: { best: { tensor: "logits", op: "argmax" } },
        keep: COLUMNS.slice(0, 5),
      },
      reduce: {
        n: { combine: "SELECT count(*) AS n FROM rows", final: "SELECT sum(n)::BIGINT AS n FROM partials" },
      },
      output,
      errors: { maxRows: 10 },
    });
    // Some rows become dead letters.
    expect(await runCli(["run", job.job, "--workers", "1"], { env, limitMs: 300_000 })).toMatchObject({
      code: 3,
    });
  };
  await run({ path: `${base}/parts`, marker: "_SUCCESS" });
  await run({ path: `${base}/sized`, fileRows: 7 });
  await run({ path: `${base}/arrow`, rows: "arrow" });
  await run({ path: `${base}/folders`, marker: "_SUCCESS", partitionBy: ["day", "kind", "n", "flag"] });
  const runs = { path: `${base}/runs`, marker: "_SUCCESS" };
  await run(runs, { path: "./data/a.parquet", new: true });
  await run(runs, { new: true });
}

const casesAt = (base: string): readonly Case[] => [
  { root: `${base}/parts`, folders: false, runs: false, columns: COLUMNS },
  { root: `${base}/sized`, folders: false, runs: false, columns: COLUMNS },
  { root: `${base}/folders`, folders: true, runs: false, columns: COLUMNS },
  { root: `${base}/runs`, folders: false, runs: true, columns: [...COLUMNS, "run"] },
];

/** Returns the findings of each call of a reader in each case. */
async function readAll(
  reader: string,
  cases: readonly Case[],
  env = {},
): Promise<readonly (readonly Found[])[]> {
  const python = reader === "spark" || reader === "ray" ? PEERS_PYTHON : PYTHON;
  const { stdout } = await promisify(execFile)(python, [SCRIPT, reader, JSON.stringify(cases)], {
    env: { ...process.env, TZ: "UTC", ...env },
    timeout: LIMIT_MS,
    maxBuffer: 64 << 20,
  });
  return JSON.parse(stdout.trim().split("\n").at(-1) ?? "");
}

const byId = (rows: readonly Row[]) => rows.toSorted(([a], [b]) => Number(a) - Number(b));

/**
 * Expects the rows of the local run from each call, and no further column.
 *
 * @param asRead converts a folder's text as this reader does
 */
function expectWanted(found: readonly (readonly Found[])[], asRead = (kind: string | null) => kind): void {
  const [parts, sized, folders, runs] = found.map((calls) => {
    expect(calls).not.toEqual([]);
    return calls.map(({ call, columns, rows }) => ({ call, columns, rows: byId(rows) }));
  });
  for (const { call, ...read } of [...(parts ?? []), ...(sized ?? [])])
    expect(read, call).toEqual({ columns: [...COLUMNS].sort(), rows: wanted });
  for (const { call, ...read } of folders ?? []) {
    const rows = wanted.map(([id = null, kind = null, ...more]) => [id, asRead(kind), ...more]);
    expect(read, call).toEqual({ columns: [...COLUMNS].sort(), rows });
  }
  for (const { call, columns, rows } of runs ?? []) {
    expect(columns, call).toEqual([...COLUMNS, "run"].sort());
    // Readers return the number or its text.
    const numbered = rows.map((row) => [...row.slice(0, -1), Number(row.at(-1))]);
    expect(numbered, call).toEqual(wanted.map((row) => [...row, Number(row[0]) < 60 ? 1 : 2]));
  }
}

beforeAll(async () => {
  server = await startS3Server();
  await server.makeBucket("results");
  job = await JobFolder.make({ files: 0 });
  await mkdir(job.at("data"));
  await writeRows("data/a.parquet", 0, 60);
  await writeRows("data/b.parquet", 60, 100);
  await publishAll(job.at("out"));
  await publishAll("s3://results/out", { ...server.env, SHARDMILL_STATE: job.at("state") });
  const columns = COLUMNS.map((name) => `${name}::VARCHAR`).join(", ");
  const files = `read_parquet('${job.at("out/parts/rows")}/part-*.parquet')`;
  wanted = byId((await query(`SELECT ${columns} FROM ${files}`)) as unknown as readonly Row[]);
  expect(wanted).toHaveLength(97);
}, LIMIT_MS);

afterAll(async () => {
  await job[Symbol.asyncDispose]();
  await server[Symbol.asyncDispose]();
});

/** Conversions of folder texts by some readers, for any writer. */
const OWN_WAYS: Readonly<Record<string, (kind: string | null) => string | null>> = {
  // The text `null` becomes a null.
  duckdb: (kind) => (kind === "null" ? null : kind),
  // A null becomes the text for null.
  ray: (kind) => kind ?? "__HIVE_DEFAULT_PARTITION__",
};

describe("outputs on a disk", () => {
  test.each(["duckdb", "pandas", "pyarrow", "polars", "spark", "ray"])(
    "%s reads each output as one dataset",
    async (reader) => {
      const found = await readAll(reader, casesAt(job.at("out")));
      expectWanted(found, OWN_WAYS[reader]);
    },
    LIMIT_MS,
  );

  test(
    "pyarrow reads rows in Arrow files from the output folder",
    async () => {
      const root = job.at("out/arrow");
      const [calls = []] = await readAll("arrow", [{ root, folders: false, runs: false, columns: COLUMNS }]);
      expect(calls).toHaveLength(2);
      for (const { call, columns, rows } of calls)
        expect({ columns, rows: byId(rows) }, call).toEqual({ columns: [...COLUMNS].sort(), rows: wanted });
    },
    LIMIT_MS,
  );
});

describe("outputs in a bucket", () => {
  test.each(["duckdb", "pyarrow", "polars"])(
    "%s reads each output as one dataset",
    async (reader) => {
      await using proxy = await encodedListings(new URL(server.env.AWS_ENDPOINT_URL ?? ""));
      const env = { ...server.env, AWS_ENDPOINT_URL: proxy.endpoint };
      const found = await readAll(reader, casesAt("s3://results/out"), env);
      expectWanted(found, OWN_WAYS[reader]);
    },
    LIMIT_MS,
  );
});
