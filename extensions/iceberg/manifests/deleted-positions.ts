import { join } from "node:path";
import { createInterface } from "node:readline";
import { Readable } from "node:stream";
import { isShardmillError } from "../../../shared/core/errors.ts";
import { withTempFolder } from "../../../shared/core/temp-folder.ts";
import { formatCount } from "../../../shared/core/units.ts";
import { type Location, parseLocation } from "../../../shared/domain/location.ts";
import { parquetScan, quoteLiteral } from "../../../shared/sql/quote.ts";
import { type SqlDatabase, useDatabase } from "../../../shared/sql/sql-database.ts";
import { openSqlProcess } from "../../../shared/sql/sql-process-client.ts";
import { createLocalStorage } from "../../../shared/storage/local.ts";
import { sourceOfBytes } from "../../../shared/storage/put-source.ts";
import type { Storage } from "../../../shared/storage/storage.ts";
import { readChunks } from "../../../shared/storage/whole-file.ts";
import type { RowRange } from "../../lake/op.ts";
import { tableCorrupt, tableUnsupported } from "../metadata/iceberg-error.ts";
import type { SnapshotFile } from "./read-manifest.ts";

/** Limits of DuckDB while it sorts deleted rows. It spills what does not fit. */
const LIMITS = { memoryLimitBytes: 2 ** 30, limitMs: 600_000 };

/** Limit of stretches of deleted rows. Each takes about 50 bytes of memory while a job is planned. */
const MOST_STRETCHES = 20_000_000;

/** File with the positions of deleted rows, with its location. */
interface PositionFile {
  readonly location: Location;
  readonly file: SnapshotFile;
}

/**
 * Returns the deleted rows of data files, by the path that the table has for them. DuckDB reads the positions
 * in a process that can be killed. It joins rows that lie next to each other.
 *
 * @throws {INPUT_CORRUPT} and the STORE_ codes
 */
export async function deletedPositions(
  { deletes, files }: { readonly deletes: readonly PositionFile[]; readonly files: readonly SnapshotFile[] },
  storage: Pick<Storage, "stat" | "read">,
  signal: AbortSignal,
): Promise<ReadonlyMap<string, readonly RowRange[]>> {
  const found = new Map<string, RowRange[]>();
  let count = 0;
  if (deletes.length === 0) return found;
  await withTempFolder("deletes", async (folder) => {
    await using local = createLocalStorage();
    const list = join(folder, "files.json");
    const result = join(folder, "deleted.json");
    await local.put(parseLocation(list), sourceOfBytes(listed(files)), { signal });
    const options = { folders: [folder], tempFolder: folder, purpose: "check", ...LIMITS, signal } as const;
    const use = async (database: SqlDatabase) => {
      const types = "{id: 'INTEGER', path: 'VARCHAR', sequence: 'BIGINT'}";
      const rows = `read_json(${quoteLiteral(list)}, format = 'newline_delimited', columns = ${types})`;
      await database.run(`CREATE TABLE files AS SELECT * FROM ${rows}`);
      await database.run("CREATE TABLE gone (id INTEGER, pos BIGINT)");
      for (const [at, each] of deletes.entries())
        await addPositions(database, each, { copy: join(folder, `${at}.parquet`), storage, signal });
      await database.run(`COPY (${STRETCHES}) TO ${quoteLiteral(result)} (FORMAT json)`);
    };
    await useDatabase(openSqlProcess(options), use, signal);
    const lines = parseLocation(result);
    const chunks = readChunks(local, lines, await local.stat(lines, signal), signal);
    for await (const line of createInterface({ input: Readable.from(chunks) })) {
      const { id, first, after } = JSON.parse(line) as { id: number; first: number; after: number };
      const path = files[id]?.path ?? "";
      const stretches = found.get(path) ?? [];
      stretches.push({ start: first, end: after });
      found.set(path, stretches);
      count += 1;
      if (count > MOST_STRETCHES) throw tooMany(path);
    }
  });
  return found;
}

function listed(files: readonly SnapshotFile[]): string {
  const lines = files.map(({ path, sequence }, id) =>
    JSON.stringify({ id, path, sequence: String(sequence) }),
  );
  return `${lines.join("\n")}\n`;
}

function tooMany(path: string): Error {
  const what = `more than ${formatCount(MOST_STRETCHES)} stretches of deleted rows`;
  return tableUnsupported(path, what, "compact the table");
}

/** Rows that follow each other have the same difference between their number and their place among all. */
const STRETCHES = `
  SELECT id, min(pos) AS first, max(pos) + 1 AS after
  FROM (SELECT id, pos, pos - row_number() OVER (PARTITION BY id ORDER BY pos) AS stretch
        FROM (SELECT DISTINCT id, pos FROM gone))
  GROUP BY id, stretch ORDER BY id, first`;

/** Deletes concern rows of the same commit and of earlier ones. */
async function addPositions(
  database: SqlDatabase,
  { location, file }: PositionFile,
  {
    copy,
    storage,
    signal,
  }: {
    readonly copy: string;
    readonly storage: Pick<Storage, "stat" | "read">;
    readonly signal: AbortSignal;
  },
): Promise<void> {
  await using local = createLocalStorage();
  const stat = await storage.stat(location, signal);
  const chunks = () => readChunks(storage, location, stat, signal);
  await local.put(parseLocation(copy), { bytes: stat.bytes, chunks }, { signal });
  const from = `${parquetScan([copy])} AS d JOIN files ON files.path = d.file_path`;
  const added = `SELECT id, pos FROM ${from} WHERE sequence <= ${file.sequence}`;
  await database.run(`INSERT INTO gone ${added}`).catch((error: unknown) => {
    if (!isShardmillError(error, "SQL_FAILED") && !isShardmillError(error, "SQL_INVALID")) throw error;
    const expected = "Parquet with columns file_path and pos";
    throw tableCorrupt({
      path: location,
      where: "deleted rows",
      expected,
      found: error.message,
      cause: error,
    });
  });
}
