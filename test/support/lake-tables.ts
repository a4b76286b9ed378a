import { execFile } from "node:child_process";
import { cp } from "node:fs/promises";
import { join } from "node:path";
import { promisify } from "node:util";
import { expect } from "vitest";
import { NEVER } from "../../shared/core/abort.ts";
import { packageRoot } from "../../shared/core/package-root.ts";
import type { DatasetFile } from "../../shared/dataset/dataset-file.ts";
import { openDatasetFile } from "../../shared/dataset/open-dataset-file.ts";
import type { FileIndex } from "../../shared/domain/dataset.ts";
import { parseLocation } from "../../shared/domain/location.ts";
import type { ReadLakeTable } from "../../shared/extension/format.ts";
import { createLocalStorage } from "../../shared/storage/local.ts";
import { byteSource } from "../../shared/storage/storage.ts";
import type { JobFolder } from "./job-folder.ts";
import { query } from "./known-answer.ts";
import { runCli } from "./processes.ts";
import { readRows } from "./read-rows.ts";
import { plainRows } from "./sample-table.ts";

/** Local storage of the tables. */
export const storage = createLocalStorage();

/** Opens a Parquet file. The caller disposes of it. */
export async function openParquet(path: string): Promise<DatasetFile> {
  const location = parseLocation(path);
  const { bytes } = await storage.stat(location, NEVER);
  return await openDatasetFile(byteSource(storage, location, bytes), "parquet", NEVER);
}

interface LakeReader {
  readonly read: ReadLakeTable;
  readonly open: (file: DatasetFile, index: FileIndex) => DatasetFile;
}

/** Tables of a format beside its tests, with the rows that other programs read in them. */
export class LakeTables {
  readonly #folder: string;

  constructor(format: string) {
    this.#folder = join(packageRoot, "test", "extensions", format, "tables");
  }

  at(name: string): string {
    return join(this.#folder, name);
  }

  /** Returns the path of the Parquet file with the expected rows. */
  expected(name: string): string {
    return this.at(`${name}.parquet`);
  }

  /** Returns the expected rows of a table as texts, in no order. */
  async expectedRows(name: string): Promise<string[]> {
    using file = await openParquet(this.expected(name));
    return texts(plainRows(await readRows(file)));
  }

  /** Returns the rows that are read in a table as texts, in no order. */
  async rows(name: string, { read, open }: LakeReader, options: object | null): Promise<string[]> {
    const table = await read(parseLocation(this.at(name)), { storage, options, signal: NEVER });
    const rows: unknown[] = [];
    for (const { path, index } of table?.files ?? []) {
      using file = open(await openParquet(path), index);
      rows.push(...plainRows(await readRows(file)));
    }
    return texts(rows);
  }

  /** Writes a job over a copy of a table, which keeps some columns. */
  async writeJob(job: JobFolder, table: string, { keep, input = {} }: TableJob): Promise<void> {
    await cp(this.at(table), job.at("table"), { recursive: true });
    const path = "./table";
    await job.writeJob({ model: undefined, input: { path, ...input }, map: { keep: [...keep] }, reduce: {} });
  }
}

interface TableJob {
  readonly keep: readonly string[];
  /** Other keys of the input. */
  readonly input?: object;
}

const texts = (rows: readonly unknown[]) => rows.map((row) => JSON.stringify(row)).sort();

/** Counts the rows that only one of a published output and a file has. */
export async function differences(output: string, expected: string): Promise<number> {
  const [a, b] = [`SELECT * FROM '${output}/rows/*.parquet'`, `SELECT * FROM '${expected}'`];
  const rows = await query(`(${a} EXCEPT ALL ${b}) UNION ALL (${b} EXCEPT ALL ${a})`);
  return rows.length;
}

/** Table of another program. */
interface ForeignTable {
  readonly table: string;
  /** Keys of the input that select its state. */
  readonly input: object;
  /** Parquet file of the rows that the program reads. */
  readonly expected: string;
}

/** Lets a script in Python, below test/external/readers, write its tables into a job's folder. */
export async function foreignTables(script: string, job: JobFolder): Promise<readonly ForeignTable[]> {
  const python = join(process.env.SHARDMILL_FOREIGN ?? "", "python", "bin", "python");
  const path = join(packageRoot, "test", "external", "readers", script);
  const made = await promisify(execFile)(python, [path, job.at("tables")], { maxBuffer: 64 << 20 });
  return JSON.parse(made.stdout) as readonly ForeignTable[];
}

/** Runs a job over each table, and compares the rows with those of the other program. */
export async function expectEqualRows(tables: readonly ForeignTable[], job: JobFolder): Promise<void> {
  for (const [at, { table, input, expected }] of tables.entries()) {
    const types = await query(`DESCRIBE SELECT * FROM '${expected}'`);
    await job.writeJob({
      model: undefined,
      input: { path: `./tables/${table}`, ...input },
      map: { keep: types.map(([name]) => String(name)) },
      reduce: {},
      output: { path: `./out-${at}` },
    });
    const { code, stderr } = await runCli(["run", job.job, "--workers", "1"]);
    const name = `${table}, ${JSON.stringify(input)}`;
    expect(code, `${name}: ${stderr}`).toBe(0);
    expect(await differences(job.at(`out-${at}`), expected), name).toBe(0);
    // A UUID is published as its 16 bytes.
    const wanted = types.map((row) => row.map((cell) => (cell === "UUID" ? "BLOB" : cell)));
    const published = job.at(`out-${at}/rows/*.parquet`);
    expect(await query(`DESCRIBE SELECT * FROM '${published}'`), name).toEqual(wanted);
  }
}
