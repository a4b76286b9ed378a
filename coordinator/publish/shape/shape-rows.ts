import type { RecordBatch, Schema, Table } from "apache-arrow";
import { NEVER } from "../../../shared/core/abort.ts";
import { present } from "../../../shared/core/assert.ts";
import { makeFolders } from "../../../shared/core/make-folders.ts";
import { combineChunks } from "../../../shared/dataset/combine-chunks.ts";
import { cutBatches } from "../../../shared/dataset/cut-batches.ts";
import { sortTable } from "../../../shared/dataset/sort-table.ts";
import type { JobStores } from "../../../shared/domain/job-stores.ts";
import { below, type Location, parseLocation } from "../../../shared/domain/location.ts";
import { OUTPUT_FOLDERS, type OutputFile } from "../../../shared/domain/manifest.ts";
import { SORTED_PART } from "../../../shared/domain/sort-memory.ts";
import { batchesOf, openRows, type PartRange, type RowsFile } from "../../../shared/rows/sort-part.ts";
import { HELD, type RowsFilePlace, writeRows } from "../../../shared/rows/write-rows.ts";
import { TextWriter } from "../../../shared/sql/text-writer.ts";
import { createLocalStorage } from "../../../shared/storage/local.ts";
import type { Storage } from "../../../shared/storage/storage.ts";
import { openOrderedFiles } from "./folder-files.ts";
import { FolderReader } from "./folder-reader.ts";
import { partName, planParts } from "./plan-parts.ts";
import type { RowsShape } from "./rows-shape.ts";

/** Rows file of a committed partial. */
export interface ShapedFile extends RowsFile {
  /** Null unless all rows are sorted. */
  readonly sample: RowsFile | null;
  /** List of the folders. Null: the output has none, or the partial is of an earlier version. */
  readonly folders: RowsFile | null;
}

export interface ShapeJob extends RowsShape {
  /** Files in plan order, at least one. */
  readonly files: readonly ShapedFile[];
  /** Folder in which `rows/` is made. */
  readonly stage: Location;
  /** Folder on this machine's disk for this call alone. */
  readonly scratch: string;
  readonly stores: JobStores;
  /** Memory to sort a part, where all rows are in one order. Default: that of `sortAllLimits`. */
  readonly sortMemory?: number | undefined;
}

type ReadPart = (ranges: readonly PartRange[]) => AsyncIterable<RecordBatch>;

/**
 * Rewrites the rows of committed partials to other files: joined, cut, sorted, or in folders by value. Works
 * in plan order, one file after the other, with a few record batches in memory. The same partials give the
 * same bytes. Each file is durable once it exists. `onWritten` gets the number of rows written so far.
 *
 * @throws {OUTPUT_FAILED} for a value with no valid folder name, or too many folders
 */
export async function shapeRows(
  job: ShapeJob,
  storage: Storage,
  onWritten: (rows: number) => void,
  signal: AbortSignal,
): Promise<readonly OutputFile[]> {
  await using local = createLocalStorage();
  const scratch = parseLocation(job.scratch);
  await local.remove(scratch, signal);
  try {
    await makeFolders(job.scratch);
    await using textWriter = new TextWriter(job.ending, job.scratch);
    const writer = new PartWriter(job, storage, { textWriter, signal, onWritten });
    return await (job.partitionBy.length === 0 ? writer.writeFlat() : writer.writeFolders(local));
  } finally {
    await local.remove(scratch, NEVER);
  }
}

class PartWriter {
  readonly #job: ShapeJob;
  readonly #storage: Storage;
  readonly #textWriter: TextWriter;
  readonly #signal: AbortSignal;
  readonly #onWritten: (rows: number) => void;
  readonly #made: OutputFile[] = [];
  #written = 0;

  constructor(
    job: ShapeJob,
    storage: Storage,
    {
      textWriter,
      signal,
      onWritten,
    }: {
      readonly textWriter: TextWriter;
      readonly signal: AbortSignal;
      readonly onWritten: (rows: number) => void;
    },
  ) {
    this.#job = job;
    this.#storage = storage;
    this.#textWriter = textWriter;
    this.#signal = signal;
    this.#onWritten = onWritten;
  }

  async writeFlat(): Promise<readonly OutputFile[]> {
    const { files, limits } = this.#job;
    const schema = await this.#schema();
    const parts = planParts(files.map(stretchOf), limits);
    await this.#writeParts(OUTPUT_FOLDERS.rows, parts.length === 0 ? [[]] : parts, schema, (ranges) =>
      this.#readFiles(ranges),
    );
    return this.#made;
  }

  async writeFolders(local: Storage): Promise<readonly OutputFile[]> {
    const { files, limits } = this.#job;
    const place = { ...this.#place(), local };
    const reader = await FolderReader.open(await openOrderedFiles(this.#job, place), this.#job, this.#signal);
    for await (const { name, ranges, take } of reader.folders()) {
      const stretches = ranges.map(({ source, rowStart, rowEnd }) => {
        const { rowBytes } = stretchOf(present(files[source], "a rows file"), source);
        return { source, rows: rowEnd - rowStart, rowBytes };
      });
      const parts = planParts(stretches, limits);
      await this.#writeParts(`${OUTPUT_FOLDERS.rows}/${name}`, parts, reader.schema, (part) =>
        take(rowsOf(part)),
      );
    }
    // An output without rows still needs a schema.
    if (this.#made.length === 0)
      await this.#writeParts(OUTPUT_FOLDERS.rows, [[]], reader.schema, () => this.#readFiles([]));
    return this.#made;
  }

  async #schema(): Promise<Schema> {
    using file = await this.#open(0);
    return file.schema;
  }

  async #open(source: number) {
    const access = { storage: this.#storage, signal: this.#signal };
    return await openRows(present(this.#job.files[source], "a rows file"), this.#job.format, access);
  }

  async *#readFiles(ranges: readonly PartRange[]): AsyncGenerator<RecordBatch> {
    for (const { source, rowStart, rowEnd } of ranges) {
      if (rowStart === rowEnd) continue;
      using file = await this.#open(source);
      const columns = file.schema.fields.map(({ name }) => name);
      yield* file.read({ rowStart, rowEnd, columns, signal: this.#signal });
    }
  }

  async #writeParts(
    folder: string,
    parts: readonly (readonly PartRange[])[],
    schema: Schema,
    read: ReadPart,
  ): Promise<void> {
    const { form, ending } = this.#job;
    const known = new Set(schema.fields.map(({ name }) => name));
    const sort = form.sort.filter(({ column }) => known.has(column));
    let index = 0;
    const write = (tables: AsyncIterable<Table>) => {
      const name = partName(index, parts.length, ending);
      index += 1;
      return this.#writeFile(`${folder}/${name}`, schema, tables);
    };
    for (const ranges of parts) {
      const batches = read(ranges);
      if (sort.length === 0) {
        await write(cutBatches(batches, schema, HELD));
        continue;
      }
      for await (const held of cutBatches(batches, schema, SORTED_PART))
        await write(cutBatches(batchesOf(sortTable(combineChunks(held), sort)), schema, HELD));
    }
  }

  #place(): RowsFilePlace {
    const { scratch } = this.#job;
    return { storage: this.#storage, textWriter: this.#textWriter, scratch, signal: this.#signal };
  }

  async #writeFile(path: string, schema: Schema, tables: AsyncIterable<Table>): Promise<void> {
    const written = await writeRows(
      below(this.#job.stage, path),
      { schema, tables },
      this.#job,
      this.#place(),
    );
    this.#made.push({ path, kind: "rows", ...written });
    this.#written += written.rows;
    this.#onWritten(this.#written);
  }
}

function stretchOf({ rows, bytes }: RowsFile, source: number) {
  return { source, rows, rowBytes: bytes / Math.max(1, rows) };
}

function rowsOf(ranges: readonly PartRange[]): number {
  return ranges.reduce((rows, { rowStart, rowEnd }) => rows + rowEnd - rowStart, 0);
}
