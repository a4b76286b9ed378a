import { readFile } from "node:fs/promises";
import { basename, join } from "node:path";
import { type DuckDBConnection, DuckDBInstance } from "@duckdb/node-api";
import { NEVER } from "../../shared/core/abort.ts";
import { type Digest, digestFile } from "../../shared/core/digest.ts";
import { parquetScan, quoteIdentifier, quoteLiteral } from "../../shared/sql/quote.ts";
import { typesWithin } from "./column-type.ts";
import { duckdbType, duckdbValue, hasArray } from "./duckdb-values.ts";
import type { Hand } from "./hand.ts";
import { OUTPUT_COLUMN, type TortureCase } from "./torture-case.ts";

/** DuckDB in this process, without limits. It writes Parquet itself, and compares the output by SQL. */
export class DuckdbHand implements Hand {
  readonly #instance: DuckDBInstance;
  readonly #connection: DuckDBConnection;

  private constructor(instance: DuckDBInstance, connection: DuckDBConnection) {
    this.#instance = instance;
    this.#connection = connection;
  }

  static async open(): Promise<DuckdbHand> {
    const instance = await DuckDBInstance.create(":memory:", { threads: "1" });
    const connection = await instance.connect();
    await connection.run("SET TimeZone = 'UTC'; SET preserve_insertion_order = true");
    return new DuckdbHand(instance, connection);
  }

  async make(torture: TortureCase, folder: string): Promise<null> {
    let first = 0;
    for (const { name, rows } of torture.files) {
      const path = quoteLiteral(join(folder, "data", name));
      await this.#connection.run(
        `COPY (${selectOf(torture, first, rows)}) TO ${path} (${copyOptions(torture)})`,
      );
      first += rows;
    }
    return null;
  }

  async judge(torture: TortureCase, folder: string): Promise<string[]> {
    const manifest: Manifest = JSON.parse(await readFile(join(folder, "out", "_manifest.json"), "utf8"));
    const problems: string[] = [];
    for (const { path, sha256 } of manifest.files) {
      const found = await digestFile(join(folder, "out", path), NEVER);
      if (found.sha256 !== sha256) problems.push(`${path} differs from the manifest`);
    }
    const pathsOf = (kind: string) =>
      manifest.files.filter((file) => file.kind === kind).map(({ path }) => join(folder, "out", path));
    const inputs = torture.files.map(({ name }) => join(folder, "data", name));
    const input = parquetScan(inputs);
    problems.push(...(await this.#judgeDead(torture, inputs, pathsOf("errors"))));
    // DuckDB reads no Arrow files, so their rows are not compared.
    if (torture.outputRows === "arrow") return problems;
    return [...problems, ...(await this.#judgeRows(torture, input, parquetScan(pathsOf("rows"))))];
  }

  async #judgeRows(torture: TortureCase, input: string, output: string): Promise<string[]> {
    const { id, x, kept } = torture;
    const key = quoteIdentifier(id);
    const alive = `(SELECT * FROM ${input} WHERE ${quoteIdentifier(x.name)} IS NOT NULL)`;
    const problems: string[] = [];
    const say = async (what: string, sql: string) => {
      const found = await this.#one(sql);
      if (found !== "0") problems.push(`${what}: ${found}`);
    };
    const columns = [id, ...kept.map(({ name }) => name)];
    problems.push(...(await this.#judgeTypes(columns, input, output)));
    if (problems.length > 0) return problems;
    await say("rows missing", `SELECT count(*) FROM ${alive} a ANTI JOIN ${output} b USING (${key})`);
    await say("rows more", `SELECT (SELECT count(*) FROM ${output}) - (SELECT count(*) FROM ${alive})`);
    await say(
      "rows out of order",
      `SELECT count(*) FROM (SELECT ${key} - lag(${key}) OVER (ORDER BY "torture file", "torture place") AS step FROM (${placed(output)})) WHERE step <= 0`,
    );
    for (const name of columns) {
      const column = quoteIdentifier(name);
      await say(
        `column ${JSON.stringify(name)}, values that differ`,
        `SELECT count(*) FROM ${alive} a JOIN ${output} b USING (${key}) WHERE a.${column} IS DISTINCT FROM b.${column}`,
      );
    }
    if (x.shape === "binary") return problems;
    // An output with one value per row is stored as that value.
    const from = `a.${quoteIdentifier(x.name)}${x.width === 1 ? "[1]" : ""}`;
    await say(
      "the model's column, values that differ",
      `SELECT count(*) FROM ${alive} a JOIN ${output} b USING (${key}) WHERE ${from} IS DISTINCT FROM b.${OUTPUT_COLUMN}`,
    );
    return problems;
  }

  async #judgeTypes(columns: readonly string[], input: string, output: string): Promise<string[]> {
    const typesOf = async (scan: string) => {
      const reader = await this.#connection.runAndReadAll(`DESCRIBE SELECT * FROM ${scan}`);
      return new Map(reader.getRowsJson().map(([name, type]) => [String(name), String(type)]));
    };
    const [given, found] = [await typesOf(input), await typesOf(output)];
    const due = [...columns, OUTPUT_COLUMN].sort().join(", ");
    const names = [...found.keys()].sort().join(", ");
    if (names !== due) return [`columns ${due} are due, ${names} were published`];
    return columns
      .filter((name) => given.get(name) !== found.get(name))
      .map((name) => `column ${JSON.stringify(name)}: ${given.get(name)} became ${found.get(name)}`);
  }

  async #judgeDead(
    torture: TortureCase,
    inputs: readonly string[],
    errors: readonly string[],
  ): Promise<string[]> {
    const dead = new Map<string, number>();
    for (const path of inputs) {
      const sql = `SELECT count(*) FROM ${parquetScan([path])} WHERE ${quoteIdentifier(torture.x.name)} IS NULL`;
      const count = Number(await this.#one(sql));
      if (count > 0) dead.set(basename(path), count);
    }
    const letters = new Map<string, number>();
    if (errors.length > 0) {
      const reader = await this.#connection.runAndReadAll(
        `SELECT file, count(DISTINCT row)::INTEGER FROM ${parquetScan(errors)} GROUP BY file`,
      );
      for (const [file, count] of reader.getRowsJson()) letters.set(basename(String(file)), Number(count));
    }
    const [due, found] = [[...dead].sort(), [...letters].sort()].map((counts) => JSON.stringify(counts));
    return due === found ? [] : [`dead letters: due ${due}, found ${found}`];
  }

  async #one(sql: string): Promise<string> {
    const reader = await this.#connection.runAndReadAll(sql);
    return String(reader.getRowsJson()[0]?.[0]);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#connection.disconnectSync();
    this.#instance.closeSync();
  }
}

interface Manifest {
  readonly files: readonly { readonly path: string; readonly kind: string; readonly sha256: Digest }[];
}

function placed(scan: string): string {
  return `SELECT *, file_row_number AS "torture place" FROM ${scan.replace(/\)$/, ", filename = 'torture file', file_row_number = true)")}`;
}

/** Returns a query for the columns of the case, over the row number `i`. */
function selectOf({ id, x, kept, storage }: TortureCase, first: number, rows: number): string {
  const salt = Number(storage.seed);
  const item = duckdbValue({ kind: x.dtype }, "i", salt, 12);
  const whole: string =
    x.shape === "scalar"
      ? item
      : x.shape === "binary"
        ? `unhex(substr(md5(i::VARCHAR), 1, ${2 * Math.min(16, x.width ?? 1)}))`
        : `list_transform(range(${x.width}), j -> ${duckdbValue({ kind: x.dtype }, "(i * 31 + j)", salt, 12)})`;
  const typed = x.shape === "fixedList" ? `(${whole})::${duckdbType({ kind: x.dtype })}[${x.width}]` : whole;
  const columns = [
    `i AS ${quoteIdentifier(id)}`,
    `${nullable(typed, x.shape === "fixedList" ? 0 : x.nulls, salt)} AS ${quoteIdentifier(x.name)}`,
    ...kept.map(({ name, type, nulls, longest }, place) => {
      const value = `(${duckdbValue(type, "i", salt + place + 1, longest)})::${duckdbType(type)}`;
      if (hasArray(type)) return `${value} AS ${quoteIdentifier(name)}`;
      return `${nullable(value, nulls, salt + 7 * (place + 1))} AS ${quoteIdentifier(name)}`;
    }),
  ];
  return `SELECT ${columns.join(", ")} FROM range(${first}, ${first + rows}) t(i)`;
}

/** Adds nulls to an expression. DuckDB has no CASE over arrays of most types, so they have no nulls. */
function nullable(value: string, nulls: number, salt: number): string {
  return nulls === 0
    ? value
    : `CASE WHEN hash(i, ${salt}) % 1000 < ${nulls * 1000} THEN NULL ELSE ${value} END`;
}

/**
 * Returns true when DuckDB's V2 encoding could write differences of 33 bits, because 32-bit numbers are far
 * apart. No other reader accepts these.
 */
function hasWideSteps({ x, kept }: TortureCase): boolean {
  const kinds = kept.flatMap(({ type }) => typesWithin(type)).map(({ kind }) => kind);
  return [...kinds, x.dtype].some((kind) => kind === "int32" || kind === "uint32");
}

const CODECS: Readonly<Record<string, string>> = { none: "uncompressed", lz4: "lz4_raw" };

function copyOptions(torture: TortureCase): string {
  const { storage, groupRows } = torture;
  const codec = CODECS[String(storage.codec)] ?? String(storage.codec);
  const version = storage.pages === "1.0" || hasWideSteps(torture) ? "V1" : "V2";
  const dictionary = storage.dictionary === true ? "" : ", DICTIONARY_SIZE_LIMIT 1";
  return `FORMAT parquet, COMPRESSION ${codec}, PARQUET_VERSION ${version}, ROW_GROUP_SIZE ${groupRows}${dictionary}`;
}
