import { mkdtemp, rm } from "node:fs/promises";
import { join } from "node:path";
import { assert, present } from "../core/assert.ts";
import { isShardmillError, messageOf, ShardmillError } from "../core/errors.ts";
import { linkOrCopy } from "../core/hard-link.ts";
import type { Field } from "../domain/dataset.ts";
import { textFormOf } from "../domain/output-formats.ts";
import type { LockedDatabase } from "./locked-database.ts";
import { parquetScan, quoteIdentifier, quoteLiteral } from "./quote.ts";
import { whileInUse } from "./sql-database.ts";

/** Rows to write as text. */
interface TextSource {
  /** Parquet file of the rows. */
  readonly rowsPath: string;
  /** Columns of that file before it was encoded. */
  readonly fields: readonly Field[];
  readonly rows: number;
}

/**
 * Writes files of rows in the formats that extensions add, by DuckDB's COPY. One call runs at a time. All
 * files of a thread use one database, which is locked to a folder of its own.
 *
 * Equal rows give equal files, byte for byte: one thread, insertion order preserved, UTC. DuckDB's gzip files
 * have no time.
 */
export class TextWriter implements AsyncDisposable {
  readonly #scratchPath: string;
  readonly #ending: string;
  #opened: { readonly folder: string; readonly database: LockedDatabase } | null = null;

  /**
   * @param ending ending of the files, which gives their form: `csv.gz`
   * @param scratchPath existing folder for the folder of the database
   */
  constructor(ending: string, scratchPath: string) {
    this.#ending = ending;
    this.#scratchPath = scratchPath;
  }

  /**
   * Makes a file that does not exist. After a failure, or an abort, the writer opens another database.
   *
   * @throws {OUTPUT_FAILED} with DuckDB's message
   */
  async write(
    { rowsPath, fields, rows }: TextSource,
    targetPath: string,
    signal: AbortSignal,
  ): Promise<void> {
    const { format, packing } = present(textFormOf(this.#ending), "the ending of a format of text");
    const { folder, database } = await this.#open();
    const from = join(folder, "rows.parquet");
    const to = join(folder, `rows.${this.#ending}`);
    const columns = fields.map(({ name, type }) => {
      const column = quoteIdentifier(name);
      return `${format.written(column, type)} AS ${column}`;
    });
    const select = `SELECT ${columns.join(", ")} FROM ${parquetScan([from])}`;
    const copy = `COPY (${select}) TO ${quoteLiteral(to)} (${format.copyOptions}, COMPRESSION ${packing})`;
    try {
      await linkOrCopy(rowsPath, from);
      const [count] = await whileInUse(database, (opened) => opened.rows(copy), signal);
      assert(Number(count?.Count) === rows, `DuckDB wrote all ${rows} rows`);
      await linkOrCopy(to, targetPath);
      await rm(to);
      await rm(from);
    } catch (error) {
      await this[Symbol.asyncDispose]();
      signal.throwIfAborted();
      throw isShardmillError(error, "SQL_FAILED") || isShardmillError(error, "SQL_INVALID")
        ? cannotWrite(format.title, error)
        : error;
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const opened = this.#opened;
    this.#opened = null;
    if (opened === null) return;
    await opened.database[Symbol.asyncDispose]();
    await rm(opened.folder, { recursive: true, force: true });
  }

  async #open() {
    if (this.#opened !== null) return this.#opened;
    // Lazy, because loading takes a tenth of a second.
    const { openLockedDatabase } = await import("./locked-database.ts");
    const folder = await mkdtemp(join(this.#scratchPath, "text-"));
    try {
      const database = await openLockedDatabase({ folders: [folder], threads: 1, tempFolder: folder });
      this.#opened = { folder, database };
      return this.#opened;
    } catch (error) {
      await rm(folder, { recursive: true, force: true });
      throw error;
    }
  }
}

function cannotWrite(title: string, cause: unknown): ShardmillError {
  return new ShardmillError("OUTPUT_FAILED", `rows cannot be written as ${title}: ${messageOf(cause)}`, {
    hint: "keep fewer columns, or set output.rows to parquet, and run with --fresh: it is another job",
    cause,
  });
}
