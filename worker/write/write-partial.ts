import { createHash } from "node:crypto";
import { join } from "node:path";
import { Readable } from "node:stream";
import type { Table } from "apache-arrow";
import { assertNever, present } from "../../shared/core/assert.ts";
import { type Digest, digestFile, hashed } from "../../shared/core/digest.ts";
import { ShardmillError } from "../../shared/core/errors.ts";
import { fieldsOf } from "../../shared/dataset/fields.ts";
import { sortTable } from "../../shared/dataset/sort-table.ts";
import { streamArrow } from "../../shared/dataset/stream-arrow.ts";
import { streamParquet } from "../../shared/dataset/stream-parquet.ts";
import { valueBytes } from "../../shared/dataset/value-bytes.ts";
import { isTableFormat, type TableFormat } from "../../shared/domain/dataset.ts";
import type { ExecutionId } from "../../shared/domain/execution-id.ts";
import type { Lease } from "../../shared/domain/job.ts";
import type { PartialFile, PartialManifest } from "../../shared/domain/partial.ts";
import { partialDigest } from "../../shared/domain/partial-digest.ts";
import {
  ALL_ROWS,
  type PartialShape,
  type PlannedCombinedFile,
  type PlannedPartialFile,
  parquetRows,
  partialLayout,
} from "../../shared/domain/partial-layout.ts";
import { type RowCounts, rowCountsOf } from "../../shared/domain/row-counts.ts";
import type { RowsForm } from "../../shared/domain/rows-form.ts";
import { sortFault } from "../../shared/domain/sort-memory.ts";
import { type FolderRows, folderIndexText } from "../../shared/rows/folder-index.ts";
import { orderByFolder } from "../../shared/rows/order-by-folder.ts";
import { sampleRows } from "../../shared/rows/sample-rows.ts";
import type { TextWriter } from "../../shared/sql/text-writer.ts";
import { asStorageErrors } from "../../shared/storage/errors.ts";
import { createFile } from "../../shared/storage/local-file.ts";
import type { JobDescription } from "../../shared/wire/job-description.ts";
import type { ShardResult } from "../collect/collector.ts";
import type { BusyMeter } from "../meter/busy-meter.ts";
import type { CombinedFiles } from "./combine.ts";
import type { Combiners, CombineSql } from "./combiners.ts";
import type { PartialSink } from "./partial-sink.ts";

/** Place and time of a partial's files. */
interface PartialPlace {
  readonly lease: Pick<Lease, "shard" | "token">;
  readonly executionId: ExecutionId;
  readonly sink: PartialSink;
  readonly combiners: Combiners;
  readonly meter: BusyMeter;
  readonly signal: AbortSignal;
}

interface WriteOptions extends PartialPlace {
  readonly job: PartialShape & Pick<JobDescription, "rowsForm">;
  /** Existing folder of this attempt only. The caller removes it. */
  readonly scratchPath: string;
  readonly textWriter: TextWriter;
}

/**
 * Writes a shard's tables as files of its partial, combines its rows for the reductions, and stores all
 * files. When this fails or is aborted, there is no partial.
 *
 * @throws {SQL_INVALID} {SQL_FAILED} {STEP_INVALID} {STEP_FAILED} {STORE_EXISTS} {STORE_FAILED}
 */
export function writePartial(result: ShardResult, options: WriteOptions): Promise<PartialManifest> {
  return storePartial(result, options, () => new PartialWriter(result, options).writeAll());
}

/**
 * Writes the files of a partial, and stores them. When this fails or is aborted, there is no partial.
 *
 * @throws whatever `write` throws, {STORE_EXISTS} {STORE_FAILED}
 */
export async function storePartial(
  result: RowCounts & Pick<ShardResult, "firstDeadLetter">,
  { lease, executionId, sink, meter, signal }: PartialPlace,
  write: () => Promise<readonly PartialFile[]>,
): Promise<PartialManifest> {
  try {
    const files = await write();
    await meter.timeAsync("store", () => sink.seal(files, signal));
    signal.throwIfAborted();
    return {
      shard: lease.shard.id,
      token: lease.token,
      executionId,
      ...rowCountsOf(result),
      firstDeadLetter: result.firstDeadLetter,
      files,
      digest: partialDigest(files),
    };
  } catch (error) {
    // The coordinator's sweep removes what remains. The original error matters more.
    await sink.discard().catch(() => {});
    throw error;
  }
}

/** Makes a combined table of a partial by SQL. */
export async function writeCombined(
  { name, ...sql }: CombineSql & Pick<PartialFile, "name">,
  rows: Omit<CombinedFiles, "targetPath">,
  { sink, combiners, meter, signal }: PartialPlace,
): Promise<PartialFile> {
  const targetPath = join(sink.path, name);
  const combined = await meter.timeAsync("encode", () =>
    combiners.combineBySql(sql, { ...rows, targetPath }, signal),
  );
  const { bytes, sha256 } = await digestFile(targetPath, signal);
  return { kind: "combined", name, rows: combined.rows, bytes, sha256 };
}

/**
 * Refuses to sort more rows than possible. The plan limits shards, but steps may multiply rows, and texts may
 * be long.
 */
function refuseUnsortable(rows: Table): void {
  const fault = sortFault(rows.numRows, valueBytes(rows));
  if (fault === null) return;
  const { what, expected, found, mostRows } = fault;
  throw new ShardmillError("OUTPUT_FAILED", `${what}: ${found}, ${expected} allowed`, {
    fields: { rows: rows.numRows, mostRows },
    hint: "set a smaller input.shardRows or remove output.sort, and start over with --fresh",
  });
}

/** Encodes a table as the bytes of a file, piece by piece. */
type Encode = (table: Table) => AsyncIterable<Uint8Array>;

function encodeRows(format: TableFormat, { compression, rowGroupRows }: RowsForm): Encode {
  const group = rowGroupRows === null ? {} : { rowGroupRows };
  if (format === "arrow") return (table) => streamArrow(table, group);
  return (table) => streamParquet(table, { ...group, ...(compression === null ? {} : { compression }) });
}

/** Row groups of a file in the order of keys or folders. A published part has some rows of each file. */
const ORDERED_GROUPS = 64;
/** Shorter row groups take much space for their statistics. */
const LEAST_GROUP_ROWS = 4_096;

/** Encodes a file that is read once, soon, on this machine. */
const streamScratch: Encode = (table) => streamParquet(table, { compression: "none" });

class PartialWriter {
  readonly #result: ShardResult;
  readonly #options: WriteOptions;
  readonly #files: PartialFile[] = [];
  /** Folders of the rows, in their order. Empty: the output has none. */
  readonly #folders: readonly FolderRows[];
  /** Parquet file of the rows that is not part of the partial. Null: not made yet. */
  #scratchRows: string | null = null;

  constructor(result: ShardResult, options: WriteOptions) {
    const { job, meter } = options;
    // Sort first, because SQL and programs read the rows in published order, too.
    const { rowsForm, partitionBy = [] } = job;
    const { sort } = rowsForm;
    if (sort.length > 0) refuseUnsortable(result.rows);
    const { rows, folders } = meter.time("encode", () =>
      orderByFolder(sortTable(result.rows, sort), partitionBy),
    );
    this.#result = { ...result, rows };
    this.#folders = folders;
    this.#options = options;
  }

  async writeAll(): Promise<readonly PartialFile[]> {
    const { rows, deadLetters } = this.#result;
    const { lease } = this.#options;
    const { rowsForm } = this.#options.job;
    const layout = partialLayout(this.#options.job, { hasDeadLetters: deadLetters !== null });
    const tables: PlannedCombinedFile[] = [];
    for (const file of layout) {
      switch (file.kind) {
        case "rows":
          if (isTableFormat(file.format))
            await this.#write(file, rows, encodeRows(file.format, this.#rowsForm()));
          else await this.#writeText(file);
          break;
        case "sample":
          await this.#write(
            file,
            sampleRows(rows, rowsForm.sort, lease.shard.id),
            file.format === "arrow" ? streamArrow : streamParquet,
          );
          break;
        case "folders":
          await this.#write(file, rows, () => Readable.from([Buffer.from(folderIndexText(this.#folders))]));
          break;
        case "scan":
          await this.#write(file, rows, streamParquet);
          break;
        case "errors":
          await this.#write(
            file,
            present(deadLetters, "a partial with this file has dead letters"),
            streamParquet,
          );
          break;
        case "combined":
          tables.push(file);
          break;
        default:
          assertNever(file);
      }
    }
    for (const table of tables) await this.#writeCombined(table);
    return this.#files;
  }

  /** Returns the form of the rows file. Readers of some keys or folders want row groups of few rows. */
  #rowsForm(): RowsForm {
    const { rowsForm, hasSample = false, partitionBy = [] } = this.#options.job;
    if (!hasSample && partitionBy.length === 0) return rowsForm;
    const { numRows } = this.#result.rows;
    return { ...rowsForm, rowGroupRows: Math.max(LEAST_GROUP_ROWS, Math.ceil(numRows / ORDERED_GROUPS)) };
  }

  async #writeCombined({ kind, name, reduction, combine, by }: PlannedCombinedFile): Promise<void> {
    if (combine !== null) {
      await this.#combine({ name, reduction, combine, by }, await this.#parquetRows());
      return;
    }
    const table = await this.#combineByProgram(reduction);
    if (by === null) {
      await this.#write({ kind, name }, table, streamParquet);
      return;
    }
    const path = join(this.#options.scratchPath, name);
    await this.#writeFile(path, table, streamScratch);
    await this.#combine({ name, reduction, combine: ALL_ROWS, by }, path);
  }

  /** Returns the Parquet file of the rows for SQL: a file of the partial, or one made only for this. */
  async #parquetRows(): Promise<string> {
    const { sink, scratchPath } = this.#options;
    const written = parquetRows(this.#files);
    if (written !== null) return join(sink.path, written.name);
    if (this.#scratchRows !== null) return this.#scratchRows;
    const path = join(scratchPath, "rows.parquet");
    await this.#writeFile(path, this.#result.rows, streamScratch);
    this.#scratchRows = path;
    return path;
  }

  async #writeText({ kind, name }: Pick<PlannedPartialFile, "kind" | "name">): Promise<void> {
    const { sink, textWriter, meter, signal } = this.#options;
    const { numRows: rows, schema } = this.#result.rows;
    const source = { rowsPath: await this.#parquetRows(), fields: fieldsOf(schema), rows };
    const targetPath = join(sink.path, name);
    await asStorageErrors("write", targetPath, () =>
      meter.timeAsync("encode", () => textWriter.write(source, targetPath, signal)),
    );
    const { bytes, sha256 } = await digestFile(targetPath, signal);
    this.#files.push({ kind, name, rows, bytes, sha256 });
  }

  async #write(
    { kind, name }: Pick<PlannedPartialFile, "kind" | "name">,
    table: Table,
    encode: Encode,
  ): Promise<void> {
    const written = await this.#writeFile(join(this.#options.sink.path, name), table, encode);
    this.#files.push({ kind, name, rows: table.numRows, ...written });
  }

  /**
   * Encodes a table, and stores and hashes it piece by piece. The encoded file is never complete in memory.
   */
  async #writeFile(path: string, table: Table, encode: Encode): Promise<{ bytes: number; sha256: Digest }> {
    const { meter, signal } = this.#options;
    signal.throwIfAborted();
    const pieces = encode(table)[Symbol.asyncIterator]();
    const hash = createHash("sha256");
    let bytes = 0;
    await using file = await createFile(path);
    try {
      while (true) {
        const next = await meter.timeAsync("encode", () => pieces.next());
        if (next.done === true) break;
        signal.throwIfAborted();
        bytes += next.value.length;
        meter.time("encode", () => hash.update(next.value));
        await meter.timeAsync("store", () => file.append(next.value));
      }
    } finally {
      await pieces.return?.();
    }
    return { bytes, sha256: hashed(hash) };
  }

  async #combineByProgram(reduction: string): Promise<Table> {
    const { combiners, meter, signal } = this.#options;
    return await meter.timeAsync("encode", () => combiners.combine(reduction, this.#result.rows, signal));
  }

  async #combine(sql: CombineSql & Pick<PartialFile, "name">, rowsPath: string): Promise<void> {
    this.#files.push(await writeCombined(sql, { rowsPaths: [rowsPath] }, this.#options));
  }
}
