import { readFile, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { type RecordBatch, Schema } from "apache-arrow";
import { NEVER } from "../../shared/core/abort.ts";
import { isShardmillError } from "../../shared/core/errors.ts";
import { makeTempFolder } from "../../shared/core/temp-folder.ts";
import { cellReader } from "../../shared/dataset/cell-reader.ts";
import { openDatasetFile } from "../../shared/dataset/open-dataset-file.ts";
import { columnData, recordBatchOf } from "../../shared/dataset/record-batch.ts";
import { type LockedDatabase, openLockedDatabase } from "../../shared/sql/locked-database.ts";
import { quoteLiteral } from "../../shared/sql/quote.ts";
import { fetchedSource } from "../../shared/storage/small-file.ts";
import { csvSelect } from "./csv-select.ts";
import type { CsvForm } from "./op.ts";
import { selectText } from "./record-select.ts";

/** Fault of a record that DuckDB has read. */
export interface ParsedFault {
  /** Index among the rows. */
  readonly row: number;
  /** Index into the form's fields. Null: the record as a whole. */
  readonly column: number | null;
  /** Beginning of the value. */
  readonly shown: string;
}

/** Rows of the records, in order. */
interface ParsedRows {
  readonly batches: readonly RecordBatch[];
  readonly faults: readonly ParsedFault[];
}

/**
 * Parser of CSV records by DuckDB, which reads and writes temporary files. Each thread has one for all open
 * files.
 */
export class TextParser implements AsyncDisposable {
  readonly #database: LockedDatabase;
  readonly #folder: string;
  /** Schemas by form as JSON, because each lease has a new form object. */
  readonly #schemas = new Map<string, Promise<Schema>>();
  #files = 0;

  static async open(): Promise<TextParser> {
    const folder = await makeTempFolder("records");
    try {
      return new TextParser(
        await openLockedDatabase({ folders: [folder], threads: 1, tempFolder: folder }),
        folder,
      );
    } catch (error) {
      await rm(folder, { recursive: true, force: true });
      throw error;
    }
  }

  private constructor(database: LockedDatabase, folder: string) {
    this.#database = database;
    this.#folder = folder;
  }

  /** Returns the schema of all columns of a form. */
  schemaOf(form: CsvForm): Promise<Schema> {
    const key = JSON.stringify(form);
    const known = this.#schemas.get(key);
    if (known !== undefined) return known;
    const all = form.fields.map((_, index) => index);
    const found = this.#parquetOf(Buffer.alloc(0), form, all).then(async (bytes) => {
      using file = await openDatasetFile(fetchedSource("records", bytes), "parquet", NEVER);
      return new Schema(
        file.schema.fields
          .slice(0, -2)
          .map((field, index) => field.clone({ name: form.fields[index]?.name ?? "" })),
      );
    });
    found.catch(() => this.#schemas.delete(key));
    this.#schemas.set(key, found);
    return found;
  }

  /**
   * @param content records, each ended by `\n`
   * @param schema schema of the requested columns
   * @param asked indices of the requested columns among the form's fields
   * @returns null when DuckDB does not make `count` rows
   */
  async parse(
    content: Buffer,
    {
      form,
      schema,
      requested,
      count,
    }: { form: CsvForm; schema: Schema; requested: readonly number[]; count: number },
  ): Promise<ParsedRows | null> {
    let bytes: Uint8Array;
    try {
      bytes = await this.#parquetOf(content, form, requested);
    } catch (error) {
      if (isShardmillError(error, "SQL_FAILED") || isShardmillError(error, "SQL_INVALID")) return null;
      throw error;
    }
    using file = await openDatasetFile(fetchedSource("records", bytes), "parquet", NEVER);
    if (file.rows !== count) return null;
    const columns = file.schema.fields.map(({ name }) => name);
    const batches: RecordBatch[] = [];
    const faults: ParsedFault[] = [];
    let row = 0;
    for await (const batch of file.read({ rowStart: 0, rowEnd: count, columns, signal: NEVER })) {
      faults.push(...faultsOf(batch, row));
      row += batch.numRows;
      batches.push(recordBatchOf(schema, batch.numRows, batch.data.children.slice(0, -2)));
    }
    return { batches, faults };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#database[Symbol.asyncDispose]();
    await rm(this.#folder, { recursive: true, force: true });
  }

  async #parquetOf(content: Buffer, form: CsvForm, requested: readonly number[]): Promise<Uint8Array> {
    this.#files += 1;
    const path = join(this.#folder, `${this.#files}.csv`);
    const parquet = join(this.#folder, `${this.#files}.parquet`);
    try {
      await writeFile(path, content);
      const select = selectText(csvSelect(form, path, requested));
      await this.#database.run(
        `COPY (${select}) TO ${quoteLiteral(parquet)} (FORMAT parquet, COMPRESSION uncompressed)`,
      );
      return await readFile(parquet);
    } finally {
      await Promise.all([path, parquet].map((each) => rm(each, { force: true })));
    }
  }
}

function faultsOf(batch: RecordBatch, rowStart: number): ParsedFault[] {
  const [faultAt, shownAt] = ["fault", "shown"].map((name) => cellReader(columnData(batch, name)));
  const faults: ParsedFault[] = [];
  for (let index = 0; index < batch.numRows; index += 1) {
    const fault = Number(faultAt?.(index));
    if (fault === 0) continue;
    const column = fault < 0 ? null : fault - 1;
    faults.push({ row: rowStart + index, column, shown: String(shownAt?.(index) ?? "") });
  }
  return faults;
}
