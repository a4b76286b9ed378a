import { cutName } from "../core/cut-text.ts";
import { isShardmillError } from "../core/errors.ts";
import { formatBytes } from "../core/units.ts";
import { withoutSecrets } from "../core/without-secrets.ts";
import type { FileCells } from "../domain/file-cells.ts";
import type { JobStores } from "../domain/job-stores.ts";
import { below, isLocation, isWebInput, type Location } from "../domain/location.ts";
import { isOfOneName, reasonOf } from "./errors.ts";
import { Storages } from "./open-storage.ts";

/** The bytes of a file that a row names, or why there are none. */
export type RowFile =
  | { readonly kind: "bytes"; readonly bytes: Uint8Array }
  | { readonly kind: "refused"; readonly why: string };

/** A network that comes back says so at the second try. */
const UNKNOWN_TRIES = 2;

/** Storages for files that rows name: any of them may be on a server that nobody knows. */
export function openRowStorages(stores: JobStores): Storages {
  const web = async (known: JobStores) =>
    (await import("./http.ts")).openHttpStorage(known, { unknownTries: UNKNOWN_TRIES });
  return new Storages({ https: web, http: web }, stores);
}

/** One that is replaced meanwhile is read as it is then; some servers say another version each time. */
const MOST_TRIES = 2;

interface ReadOptions {
  /** It is read whole: a larger one is refused. */
  readonly maxBytes: number;
  readonly signal: AbortSignal;
}

/**
 * Reads the file of a cell: its bytes, or the file that it names by a location, or by a path from the
 * column's folder on.
 *
 * @throws {STORE_FAILED} when the place itself fails, which another attempt may find mended
 * @throws {STORE_REFUSED} when this machine's settings lead to no place, or the store cannot prove who it is
 */
export async function readFileCell(
  storages: Storages,
  cell: unknown,
  cells: FileCells,
  options: ReadOptions,
): Promise<RowFile> {
  if (cell instanceof Uint8Array) return { kind: "bytes", bytes: cell };
  if (cells.kind === "bytes") throw new Error("broken invariant: a column of files holds bytes or locations");
  return await readRowFile(storages, String(cell), { ...options, folder: cells.folder });
}

/** Reads a file by its name, as {@link readFileCell}. */
export async function readRowFile(
  storages: Storages,
  name: string,
  { folder, maxBytes, signal }: ReadOptions & { readonly folder: Location },
): Promise<RowFile> {
  const location = locationOf(name, folder);
  if (location === null)
    return refused(
      `is named ${JSON.stringify(cutName(withoutSecrets(name)))}, which is no path and no location`,
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
  // A row names its web server; the one of a store is the job's, or this machine's.
  if (server !== undefined) return isWebInput(location);
  // Settings of this machine are no row's fault: another worker's may be right.
  if (variable !== undefined) return false;
  return isOfOneName(error);
}
