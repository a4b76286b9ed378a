import { join } from "node:path";
import { isShardmillError } from "../../../shared/core/errors.ts";
import { withTempFolder } from "../../../shared/core/temp-folder.ts";
import { below, type Location, parseLocation } from "../../../shared/domain/location.ts";
import { parquetScan, quoteIdentifier, quoteLiteral } from "../../../shared/sql/quote.ts";
import { type SqlDatabase, useDatabase } from "../../../shared/sql/sql-database.ts";
import { openSqlProcess } from "../../../shared/sql/sql-process-client.ts";
import { createLocalStorage } from "../../../shared/storage/local.ts";
import { readChunks } from "../../../shared/storage/whole-file.ts";
import { logCorrupt } from "./log-error.ts";
import type { Checkpoint } from "./log-files.ts";
import { type LogStorage, type PlacedAction, readActions } from "./read-log.ts";

/** Limits of DuckDB while it reads a checkpoint. It streams the rows, so a million files need no more. */
const LIMITS = { memoryLimitBytes: 2 ** 30, limitMs: 300_000 };

/** Actions of a checkpoint that matter for the rows of a version. Those of `remove` are for VACUUM only. */
const ACTIONS = ["add", "protocol", "metaData", "sidecar"];

/** Folder of the log with the sidecars of checkpoints. */
const SIDECARS = "_sidecars";

/** Receives the actions of a checkpoint. */
type Take = (placed: PlacedAction) => void;

/**
 * Reads the actions of a checkpoint. DuckDB turns its Parquet files into lines of JSON, as commits have them,
 * in a process that can be killed. Sidecars, which hold the files of large tables, follow.
 *
 * @throws {INPUT_CORRUPT} and the STORE_ codes
 */
export async function readCheckpoint(
  log: Location,
  { names }: Checkpoint,
  { storage, take }: { readonly storage: LogStorage; readonly take: Take },
  signal: AbortSignal,
): Promise<void> {
  const sidecars: Location[] = [];
  const takeOrFollow = (placed: PlacedAction) => {
    const { action, place } = placed;
    if (action.kind !== "sidecar") take(placed);
    else sidecars.push(sidecarOf(log, action.path, place.path));
  };
  for (const name of names) await readPart(below(log, name), { storage, take: takeOrFollow }, signal);
  for (const sidecar of sidecars) await readPart(sidecar, { storage, take }, signal);
}

/** Sidecars lie in one folder, so only the last name of a path counts. */
function sidecarOf(log: Location, path: string, from: string): Location {
  const name = path.slice(path.lastIndexOf("/") + 1);
  if (/^[A-Za-z0-9._-]+$/.test(name) && /[^.]/.test(name)) return below(log, SIDECARS, name);
  throw logCorrupt({ path: from, where: "sidecars", expected: "the name of a file", found: path });
}

async function readPart(
  path: Location,
  { storage, take }: { readonly storage: LogStorage; readonly take: Take },
  signal: AbortSignal,
): Promise<void> {
  if (path.endsWith(".json")) {
    for await (const placed of readActions(path, storage, signal)) take(placed);
    return;
  }
  await withTempFolder("checkpoint", async (folder) => {
    const lines = await linesOf(path, storage, { folder, signal });
    await using local = createLocalStorage();
    for await (const { action } of readActions(lines, local, signal))
      take({ action, place: { path, where: "rows" } });
  });
}

/** Writes the actions of a checkpoint as lines of JSON, into a file of this machine. */
async function linesOf(
  path: Location,
  storage: LogStorage,
  { folder, signal }: { readonly folder: string; readonly signal: AbortSignal },
): Promise<Location> {
  await using local = createLocalStorage();
  const copy = join(folder, "checkpoint.parquet");
  const lines = join(folder, "actions.json");
  const file = await storage.stat(path, signal);
  const chunks = () => readChunks(storage, path, file, signal);
  await local.put(parseLocation(copy), { bytes: file.bytes, chunks }, { signal });
  const options = { folders: [folder], tempFolder: folder, purpose: "check", ...LIMITS, signal } as const;
  const write = async (database: SqlDatabase) => {
    const rows = await database.rows(
      `SELECT column_name FROM (DESCRIBE SELECT * FROM ${parquetScan([copy])})`,
    );
    const there = new Set(rows.map((row) => row.column_name));
    const columns = ACTIONS.filter((name) => there.has(name)).map(quoteIdentifier);
    if (columns.length === 0) throw notACheckpoint(path, "none of them");
    const isAction = columns.map((column) => `${column} IS NOT NULL`).join(" OR ");
    const select = `SELECT ${columns.join(", ")} FROM ${parquetScan([copy])} WHERE ${isAction}`;
    await database.run(`COPY (${select}) TO ${quoteLiteral(lines)} (FORMAT json)`);
  };
  await useDatabase(openSqlProcess(options), write, signal).catch((error: unknown) => {
    throw isShardmillError(error, "SQL_FAILED") || isShardmillError(error, "SQL_INVALID")
      ? notACheckpoint(path, error.message, error)
      : error;
  });
  return parseLocation(lines);
}

function notACheckpoint(path: string, found: string, cause?: unknown): Error {
  const expected = `Parquet with columns ${ACTIONS.join(", ")}`;
  return logCorrupt({ path, where: "checkpoint", expected, found, cause });
}
