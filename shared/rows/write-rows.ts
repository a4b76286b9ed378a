import { createHash } from "node:crypto";
import { rm } from "node:fs/promises";
import { join } from "node:path";
import type { Schema, Table } from "apache-arrow";
import { type Digest, digestFile, hashed } from "../core/digest.ts";
import { fieldsOf } from "../dataset/fields.ts";
import { streamArrowOf } from "../dataset/stream-arrow.ts";
import { streamParquetOf } from "../dataset/stream-parquet.ts";
import type { TableFormat } from "../domain/dataset.ts";
import type { Location } from "../domain/location.ts";
import { textFormOf } from "../domain/output-formats.ts";
import type { RowsForm } from "../domain/rows-form.ts";
import type { TextWriter } from "../sql/text-writer.ts";
import { createFile } from "../storage/local-file.ts";
import { makeFile, type ScratchPlace } from "../storage/local-paths.ts";

/** Form of files of rows that are written again. */
interface RowsFileForm {
  /** Format of the partials' rows. */
  readonly format: TableFormat;
  /** Ending of the files, which gives their form: `parquet`, `csv.gz`. */
  readonly ending: string;
  readonly form: RowsForm;
}

interface RowsFilePlace extends ScratchPlace {
  /** Writer of files with that ending. */
  readonly textWriter: TextWriter;
}

export interface WrittenRows {
  readonly rows: number;
  readonly bytes: number;
  readonly sha256: Digest;
}

/** Limit of rows that are held in memory and encoded at once. */
export const HELD = { rows: 1_048_576, bytes: 32 << 20 };

/**
 * Writes a file of rows, piece by piece. The file is durable on return. The same tables give the same bytes.
 *
 * @throws {OUTPUT_FAILED} for values that the format lacks
 */
export async function writeRows(
  location: Location,
  { schema, tables }: { readonly schema: Schema; readonly tables: AsyncIterable<Table> },
  { format, ending, form }: RowsFileForm,
  place: RowsFilePlace,
): Promise<WrittenRows> {
  const { scratch, textWriter, signal } = place;
  const group = form.rowGroupRows === null ? {} : { rowGroupRows: form.rowGroupRows };
  const compression = form.compression === null ? {} : { compression: form.compression };
  let rows = 0;
  const counted = async function* () {
    for await (const table of tables) {
      rows += table.numRows;
      yield table;
    }
  };
  const pieces =
    format === "arrow"
      ? streamArrowOf(counted(), group)
      : streamParquetOf(counted(), { ...group, ...compression });
  const isText = textFormOf(ending) !== null;
  const written = await makeFile(location, { ...place, scratch: join(scratch, "made") }, async (at) => {
    if (!isText) return await store(at, pieces, signal);
    const rowsPath = join(scratch, "text.parquet");
    await store(rowsPath, pieces, signal);
    await textWriter.write({ rowsPath, fields: fieldsOf(schema), rows }, at, signal);
    await rm(rowsPath);
    return await digestFile(at, signal);
  });
  return { rows, ...written };
}

async function store(path: string, pieces: AsyncIterable<Uint8Array>, signal: AbortSignal) {
  const hash = createHash("sha256");
  let bytes = 0;
  await using file = await createFile(path);
  for await (const piece of pieces) {
    signal.throwIfAborted();
    bytes += piece.length;
    hash.update(piece);
    await file.append(piece);
  }
  return { bytes, sha256: hashed(hash) };
}
