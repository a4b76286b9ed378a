import { type FileHandle, mkdir, open } from "node:fs/promises";
import { type Deferred, deferred } from "../../shared/core/abort.ts";
import { openArrowFile } from "../../shared/dataset/arrow-file.ts";
import { type LockedDatabase, openLockedDatabase } from "../../shared/sql/locked-duckdb.ts";
import { quoteLiteral } from "../../shared/sql/quote.ts";
import type { ByteSource } from "../../shared/store/store.ts";

/** How many rows a partial's file holds by its own footer. */
export interface RowCounting extends AsyncDisposable {
  /** @throws {SQL_FAILED} {INPUT_CORRUPT} {INPUT_UNSUPPORTED} when the file is not what its name says */
  count(path: string, signal: AbortSignal): Promise<number>;
}

/** Enough that the query's own cost no longer shows, few enough that nobody waits for others. */
const FILES_A_QUERY = 64;

interface Asked {
  readonly path: string;
  readonly rows: Deferred<number>;
}

/**
 * Counts what is really on the disk. Parquet is asked of DuckDB, off this thread: one database stays open, and the files
 * that come in while it is busy go together into its next query, for most of half a millisecond a file is the query's.
 * Arrow is asked of the hardened reader, which parses lengths only.
 */
export class RowCounter implements RowCounting {
  readonly #asked: Asked[] = [];
  #busy = false;
  readonly #folder: string;
  readonly #tempFolder: string;
  #database: Promise<LockedDatabase> | null = null;

  constructor(folder: string, tempFolder: string) {
    this.#folder = folder;
    this.#tempFolder = tempFolder;
  }

  async count(path: string, signal: AbortSignal): Promise<number> {
    return path.endsWith(".arrow") ? countArrowRows(path, signal) : this.#countParquetRows(path);
  }

  #countParquetRows(path: string): Promise<number> {
    const rows = deferred<number>();
    this.#asked.push({ path, rows });
    if (!this.#busy) void this.#answerAll();
    return rows.promise;
  }

  async #answerAll(): Promise<void> {
    this.#busy = true;
    while (this.#asked.length > 0) {
      const batch = this.#asked.splice(0, FILES_A_QUERY);
      // One bad file fails a query: each is then asked alone, so that it fails for itself.
      const together = await this.#query(batch).then(
        () => true,
        () => false,
      );
      if (together) continue;
      for (const one of batch) await this.#query([one]).catch((error: unknown) => one.rows.reject(error));
    }
    this.#busy = false;
  }

  async #query(batch: readonly Asked[]): Promise<void> {
    const database = await this.#open();
    const paths = [...new Set(batch.map(({ path }) => path))].map(quoteLiteral).join(", ");
    const found = await database.rows(`SELECT file_name, num_rows FROM parquet_file_metadata([${paths}])`);
    const counts = new Map(found.map((footer) => [footer.file_name, Number(footer.num_rows ?? -1)]));
    for (const { path, rows } of batch) rows.resolve(counts.get(path) ?? -1);
  }

  #open(): Promise<LockedDatabase> {
    this.#database ??= this.#start().catch((error) => {
      this.#database = null;
      throw error;
    });
    return this.#database;
  }

  async #start(): Promise<LockedDatabase> {
    await mkdir(this.#tempFolder, { recursive: true });
    return openLockedDatabase({ folders: [this.#folder], tempFolder: this.#tempFolder });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const database = await this.#database?.catch(() => null);
    this.#database = null;
    await database?.[Symbol.asyncDispose]();
  }
}

async function countArrowRows(path: string, signal: AbortSignal): Promise<number> {
  const handle = await open(path, "r");
  try {
    using file = await openArrowFile(await fileSource(path, handle), signal);
    return file.rows;
  } finally {
    await handle.close();
  }
}

async function fileSource(path: string, handle: FileHandle): Promise<ByteSource> {
  const { size } = await handle.stat();
  return {
    path,
    bytes: size,
    async read(start, end, signal) {
      signal?.throwIfAborted();
      const buffer = Buffer.alloc(end - start);
      const { bytesRead } = await handle.read(buffer, 0, buffer.length, start);
      return buffer.subarray(0, bytesRead);
    },
  };
}
