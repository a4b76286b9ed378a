import { availableParallelism } from "node:os";
import { type LockedDatabase, openLockedDatabase } from "../../shared/sql/locked-database.ts";
import { quoteIdentifier, quoteLiteral } from "../../shared/sql/quote.ts";
import type { ColumnKind, PublishedColumn } from "./peer-job.ts";

/** Tolerance of numbers. Float32 rounding varies with batch size and padding, by far less than this. */
const RELATIVE = 1e-4;
const ABSOLUTE = 1e-5;
/** Least cosine of two text vectors, as two programs' embeddings of one text may differ. */
const LEAST_COSINE = 0.9999;
/** Share of classes that may differ: scores that differ in the last bit may swap. */
const CLASS_SHARE = 1e-4;

/** Rows of a reference, compared with other outputs by their key. */
export class ReferenceRows implements AsyncDisposable {
  readonly columns: readonly PublishedColumn[];
  readonly #database: LockedDatabase;

  private constructor(database: LockedDatabase, columns: readonly PublishedColumn[]) {
    this.#database = database;
    this.columns = columns;
  }

  /**
   * Reads the reference into memory.
   *
   * @param rows folder of Parquet files
   * @param folder folder that contains all outputs to compare
   */
  static async read(rows: string, folder: string): Promise<ReferenceRows> {
    const threads = availableParallelism();
    const database = await openLockedDatabase({ folders: [rows, folder], tempFolder: folder, threads });
    await database.run(`CREATE TABLE reference AS SELECT * FROM ${parquetIn(rows)}`);
    const columns = await database.rows("SELECT column_name, column_type FROM (DESCRIBE reference)");
    return new ReferenceRows(
      database,
      columns.map(({ column_name, column_type }) => ({
        name: String(column_name),
        type: String(column_type),
      })),
    );
  }

  /** Describes the difference of the rows in `folder`. Null: they equal the reference. */
  async differencesOf(
    folder: string,
    key: string,
    kinds: ReadonlyMap<string, ColumnKind>,
  ): Promise<string | null> {
    const [counts = {}] = await this.#database.rows(comparisonSql(parquetIn(folder), key, kinds));
    return judge(counts, kinds);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#database[Symbol.asyncDispose]();
  }
}

/** Returns the SQL of one row of counts: of both outputs, of common keys, and of unequal rows by column. */
export function comparisonSql(other: string, key: string, kinds: ReadonlyMap<string, ColumnKind>): string {
  const id = quoteIdentifier(key);
  const counts = [...kinds].map(([name, kind]) => {
    const column = quoteIdentifier(name);
    const unequal = unequalSql(`a.${column}`, `b.${column}`, kind);
    return `count(*) FILTER (WHERE coalesce(${unequal}, true)) AS ${quoteIdentifier(`unequal ${name}`)}`;
  });
  return `SELECT (SELECT count(*) FROM reference) AS expected, (SELECT count(*) FROM ${other}) AS found,
    count(DISTINCT b.${id}) AS matched, ${counts.join(", ")}
    FROM reference AS a JOIN ${other} AS b ON a.${id} = b.${id}`;
}

/** @param counts result row of `comparisonSql` */
export function judge(
  counts: Readonly<Record<string, unknown>>,
  kinds: ReadonlyMap<string, ColumnKind>,
): string | null {
  const [expected, found, matched] = [counts.expected, counts.found, counts.matched].map(Number);
  if (found !== expected || matched !== expected)
    return `${found} rows with ${matched} of the ${expected} keys`;
  const wrong = [...kinds].flatMap(([name, kind]) => {
    const unequal = Number(counts[`unequal ${name}`]);
    const allowed = kind === "class" ? CLASS_SHARE * (expected ?? 0) : 0;
    return unequal <= allowed ? [] : [`${unequal} rows with another ${name}`];
  });
  return wrong.length === 0 ? null : wrong.join(", ");
}

function unequalSql(a: string, b: string, kind: ColumnKind): string {
  if (kind === "kept") return `${a} IS DISTINCT FROM ${b}`;
  if (kind === "class") return `${a} <> ${b}`;
  if (kind === "number") return farSql(a, b);
  if (kind === "direction")
    return `len(${a}) <> len(${b}) OR list_cosine_similarity(${a}, ${b}) < ${LEAST_COSINE}`;
  const pairs = `list_transform(list_zip(${a}, ${b}), lambda pair: ${farSql("pair[1]", "pair[2]")})`;
  return `len(${a}) <> len(${b}) OR list_bool_or(${pairs})`;
}

function farSql(a: string, b: string): string {
  return `abs(${a}::DOUBLE - ${b}::DOUBLE) > ${ABSOLUTE} + ${RELATIVE} * abs(${a}::DOUBLE)`;
}

function parquetIn(folder: string): string {
  return `read_parquet(${quoteLiteral(`${folder}/*.parquet`)})`;
}
