import { dirname } from "node:path";
import { type Digest, digestFile } from "../../shared/core/digest.ts";
import { parquetFault } from "../../shared/dataset/parquet-form.ts";
import type { Field, FieldType } from "../../shared/domain/dataset.ts";
import type { Location } from "../../shared/domain/location.ts";
import type { DeadLetter } from "../../shared/domain/partial.ts";
import { emptyTable } from "../../shared/sql/duckdb-types.ts";
import { parquetScan, quoteLiteral } from "../../shared/sql/quote.ts";
import { openSqlProcess } from "../../shared/sql/sql-process-client.ts";
import { makeFile, pathOfFile, type ScratchPlace } from "../../shared/storage/local-paths.ts";

interface PoisonedRowsOptions {
  /** The Parquet file to write. */
  readonly to: Location;
  readonly deadLetters: readonly DeadLetter[];
  /**
   * Part of the dead letters that a worker wrote. The new part gets the same columns, so that all parts read
   * as one table. Null: there is none.
   */
  readonly like: Location | null;
  /** Kept columns, if there is no such part. */
  readonly keep: readonly Field[];
  readonly place: ScratchPlace;
}

/** Rows per statement: its text stays well under a megabyte. */
const ROWS_PER_INSERT = 1000;

const TEXT: FieldType = { kind: "string" };
const PLACE_FIELDS: readonly Field[] = [
  { name: "file", type: TEXT, nullable: false },
  { name: "row", type: { kind: "numeric", type: "int64" }, nullable: false },
  { name: "stage", type: TEXT, nullable: false },
  { name: "code", type: TEXT, nullable: false },
  { name: "message", type: TEXT, nullable: false },
];

/**
 * Writes the rows that no worker survived as one more part of the dead letters. The part is durable. Its kept
 * columns are null, because reading such a row crashes a worker.
 */
export async function writePoisonedRows(
  options: PoisonedRowsOptions,
): Promise<{ rows: number; bytes: number; sha256: Digest }> {
  const { to, like, place } = options;
  const likePath = like === null ? null : await pathOfFile(like, place);
  return await makeFile(to, place, (path) => writeTo(path, likePath, options));
}

async function writeTo(
  path: string,
  like: string | null,
  { deadLetters, keep, place }: PoisonedRowsOptions,
): Promise<{ rows: number; bytes: number; sha256: Digest }> {
  const { signal, scratch: tempFolder } = place;
  const folders = like === null ? [dirname(path)] : [dirname(path), dirname(like)];
  await using database = await openSqlProcess({ folders, tempFolder, purpose: "result", signal });
  await database.run(
    like === null
      ? emptyTable("errors", [...PLACE_FIELDS, ...keptFields(keep)])
      : `CREATE TABLE errors AS FROM ${parquetScan([like])} LIMIT 0`,
  );
  const columns = PLACE_FIELDS.map(({ name }) => name).join(", ");
  for (let start = 0; start < deadLetters.length; start += ROWS_PER_INSERT) {
    signal.throwIfAborted();
    const rows = deadLetters.slice(start, start + ROWS_PER_INSERT).map(valuesOf);
    await database.run(`INSERT INTO errors (${columns}) VALUES ${rows.join(", ")}`);
  }
  const { rows } = await database.copyOwn({ where: "dead letters", sql: "FROM errors" }, path);
  return { rows, ...(await digestFile(path, signal)) };
}

/**
 * Returns the kept columns as workers write them. A column with the name of a place field becomes
 * `kept_<name>`. A column whose type Parquet does not support is skipped.
 */
function keptFields(keep: readonly Field[]): readonly Field[] {
  const places = new Set(PLACE_FIELDS.map(({ name }) => name));
  const held = keep.filter(({ type }) => parquetFault(type) === null);
  return held.map((field) => (places.has(field.name) ? { ...field, name: `kept_${field.name}` } : field));
}

function valuesOf(letter: DeadLetter): string {
  const { file, row, stage, code, message } = letter;
  return `(${quoteLiteral(file)}, ${row}, ${[stage, code, message].map(quoteLiteral).join(", ")})`;
}
