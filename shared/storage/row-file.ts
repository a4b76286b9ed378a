import { cutName } from "../core/cut-text.ts";
import { isShardmillError } from "../core/errors.ts";
import { formatBytes } from "../core/units.ts";
import { withoutSecrets } from "../core/without-secrets.ts";
import { type FileCells, fileInCell } from "../domain/file-cells.ts";
import type { JobStores } from "../domain/job-stores.ts";
import { below, type FileStat, isLocation, isWebInput, type Location } from "../domain/location.ts";
import { isOfOneName, reasonOf } from "./errors.ts";
import { Storages } from "./open-storage.ts";

/** Bytes of a file that a row names, or the reason why there are none. */
export type RowFile =
  | { readonly kind: "bytes"; readonly bytes: Uint8Array }
  | { readonly kind: "refused"; readonly why: string };

/** File with the identity that the plan gave it. */
export interface ListedFile extends Pick<FileStat, "bytes" | "version"> {
  readonly path: Location;
}

/**
 * Reads the bytes of a listed file, or returns why that file cannot be read.
 *
 * @throws {STORE_FAILED} {INPUT_CHANGED} when the fault is not of this file alone
 */
export type FetchListed = (file: ListedFile, signal: AbortSignal) => Promise<RowFile>;

/** Tries of an unknown server: a network that recovers is found at the second try. */
const UNKNOWN_TRIES = 2;

/** Opens storages for files that rows name: their servers may not exist. */
export function openRowStorages(stores: JobStores): Storages {
  const web = async (known: JobStores) =>
    (await import("./http.ts")).openHttpStorage(known, { unknownTries: UNKNOWN_TRIES });
  return new Storages({ https: web, http: web }, stores);
}

/** Tries of a file that is replaced while it is read. Some servers report another version each time. */
const MOST_TRIES = 2;

interface ReadOptions {
  /** Limit of a file's bytes. Larger files are refused. */
  readonly maxBytes: number;
  readonly signal: AbortSignal;
}

/**
 * Reads the file of a cell. The cell has the file's bytes, its location, or its path below the column's
 * folder. A struct with both is read by its bytes.
 *
 * @throws {STORE_FAILED} when the storage fails, and another attempt may succeed
 * @throws {STORE_REFUSED} when this machine's settings are wrong, or the store's certificate is invalid
 */
export async function readFileCell(
  storages: Storages,
  cell: unknown,
  cells: FileCells,
  options: ReadOptions,
): Promise<RowFile> {
  const file = fileInCell(cell);
  if (file instanceof Uint8Array) return { kind: "bytes", bytes: file };
  if (cells.kind === "bytes") throw new Error("broken invariant: a column of files holds bytes or locations");
  if (file === null) return refused("has neither bytes nor a path");
  return await readRowFile(storages, file, { ...options, folder: cells.folder });
}

/** Reads a file by its name, like {@link readFileCell}. */
export async function readRowFile(
  storages: Storages,
  name: string,
  { folder, maxBytes, signal }: ReadOptions & { readonly folder: Location },
): Promise<RowFile> {
  const location = locationOf(name, folder);
  if (location === null)
    return refused(
      `is named ${JSON.stringify(cutName(withoutSecrets(name)))}, which is neither a path nor a location`,
    );
  for (let tries = 1; tries <= MOST_TRIES; tries += 1) {
    try {
      const storage = await storages.at(location);
      const { bytes, version } = await storage.stat(location, signal);
      if (bytes > maxBytes)
        return refused(`is a file of ${formatBytes(bytes)}, more than ${formatBytes(maxBytes)}`);
      return { kind: "bytes", bytes: await storage.read(location, 0, bytes, { version, signal }) };
    } catch (error) {
      if (isShardmillError(error, "STORE_CHANGED")) continue;
      if (!isOfThisFile(location, error)) throw error;
      return refused(`cannot be read: ${cutName(reasonOf(error))}`);
    }
  }
  return refused("cannot be read: it changes while it is read");
}

/**
 * Reads a file by `read`, and returns why if the fault is of this file alone.
 *
 * @throws what else `read` throws
 */
export async function rowFileOf(location: Location, read: () => Promise<Uint8Array>): Promise<RowFile> {
  try {
    return { kind: "bytes", bytes: await read() };
  } catch (error) {
    if (isShardmillError(error, "STORE_CHANGED")) return refused("changed since the job was planned");
    if (!isOfThisFile(location, error)) throw error;
    return refused(`cannot be read: ${cutName(reasonOf(error))}`);
  }
}

function refused(why: string): RowFile {
  return { kind: "refused", why };
}

function locationOf(name: string, folder: Location): Location | null {
  if (isLocation(name)) return name;
  const isPath = name !== "" && !name.includes("\0") && !/^[A-Za-z][A-Za-z0-9+.-]+:/.test(name);
  return isPath ? below(folder, name) : null;
}

function isOfThisFile(location: Location, error: unknown): boolean {
  if (!isShardmillError(error)) return false;
  const { server, variable } = error.fields;
  // A row names its web server. A store's server comes from the job or this machine.
  if (server !== undefined) return isWebInput(location);
  // A row cannot cause wrong settings of this machine, and another worker's may be right.
  if (variable !== undefined) return false;
  return isOfOneName(error);
}
