import { join } from "node:path";
import { replaceFile, WRITING } from "../../../coordinator/job-store/replace-file.ts";
import { type Disk, realDisk } from "../../../shared/core/disk.ts";
import { errorCode } from "../../../shared/core/errno.ts";
import { messageOf, ShardmillError } from "../../../shared/core/errors.ts";
import { makeFolders } from "../../../shared/core/make-folders.ts";
import { parseJson } from "../../../shared/core/parse-json.ts";
import { syncPath } from "../../../shared/core/sync-path.ts";
import type { JobId } from "../../../shared/domain/job-id.ts";
import type { FailedKeys } from "./gatherer.ts";
import { asWindowId, type WindowId } from "./window-id.ts";

const WINDOW_NAME = "window.json";
const ROWS_NAME = "window.arrow";
const ACKNOWLEDGED_NAME = "acknowledged.json";
const FAILED_NAME = "failed.json";
/** Files that a window has only until it is acknowledged. */
const OF_OPEN: readonly string[] = [ROWS_NAME, FAILED_NAME];
/** Version of the format. Increases when an earlier version would misread the files. */
const FORMAT = 1;

/**
 * Returns the folder of a job's windows.
 *
 * @param ledger the folder of the job's ledger
 */
export function windowsFolder(ledger: string): string {
  return join(ledger, "windows");
}

/** Window in the spool. */
export interface SpooledWindow {
  readonly id: WindowId;
  /** Time when the window was closed, by the wall clock. */
  readonly closedMs: number;
  /** Keys of the messages, in order of their rows. */
  readonly keys: readonly string[];
  /** Numbers of rows or files by message. */
  readonly counts: readonly number[];
  /** Files that messages name, in order of the messages. Empty for messages of rows. */
  readonly input: readonly string[];
  /** Keys and reasons of messages that are excluded from the run. */
  readonly left: readonly (readonly [key: string, reason: string])[];
}

/** Window with its state. */
export interface SpoolRecord extends SpooledWindow {
  /** Acknowledgement. Null: not yet acknowledged. */
  readonly acknowledged: { readonly atMs: number; readonly failedKeys: FailedKeys } | null;
  readonly failed: WindowFailure | null;
}

/** Last failure of a window's run, which will be retried. */
export interface WindowFailure {
  readonly attempts: number;
  readonly reason: string;
  readonly jobId: JobId | null;
}

/**
 * Spool of a job's windows on disk, next to the job's ledger. A window has a folder from closing until its
 * keys are forgotten. Each call is durable when it resolves. A process killed during a call leaves the
 * previous state, or the complete new state.
 */
export class Spool {
  readonly #folder: string;
  readonly #disk: Disk;
  /**
   * Windows whose rows this process wrote. A file of another process may be damaged, and crash its reader.
   */
  readonly #written = new Set<string>();

  private constructor(folder: string, disk: Disk) {
    this.#folder = folder;
    this.#disk = disk;
  }

  /**
   * Opens the spool, and finishes or removes what a previous process left incomplete.
   *
   * @throws {STATE_FAILED} when the spool cannot be read or written
   */
  static async open(
    folder: string,
    disk: Disk = realDisk,
  ): Promise<{ readonly spool: Spool; readonly records: SpoolRecord[] }> {
    return await kept(folder, async () => {
      await makeFolders(folder, disk);
      await finish(folder, disk);
      return { spool: new Spool(folder, disk), records: await readSpool(folder, disk) };
    });
  }

  /** Returns the path of a window's rows. The file exists until the window is acknowledged. */
  rowsFile(id: WindowId): string {
    return join(this.#folder, id, ROWS_NAME);
  }

  /** True for a window whose rows this process wrote, and no earlier one. */
  wrote(id: WindowId): boolean {
    return this.#written.has(id);
  }

  /**
   * Writes a closed window.
   *
   * @param rows rows as a file. Null: the messages name files.
   */
  async write({ id, ...window }: SpooledWindow, rows: Uint8Array | null): Promise<void> {
    const disk = this.#disk;
    await kept(this.#folder, async () => {
      const making = join(this.#folder, `${id}${WRITING}`);
      const made = join(this.#folder, id);
      // A previous attempt may have failed at any point.
      if ((await ifThere(disk.lstat(made))) === null) {
        await disk.remove(making);
        await disk.mkdir(making);
        if (rows !== null) await writeFile(join(making, ROWS_NAME), rows, disk);
        await writeFile(join(making, WINDOW_NAME), json({ format: FORMAT, ...window }), disk);
        await syncPath(making, disk);
        await disk.rename(making, made);
      }
      await syncPath(this.#folder, disk);
      if (rows !== null) this.#written.add(id);
    });
  }

  /** Replaces the record of a window. */
  async change({ id, ...window }: SpooledWindow): Promise<void> {
    await this.#replace(id, WINDOW_NAME, { format: FORMAT, ...window });
  }

  async fail(id: WindowId, failure: WindowFailure): Promise<void> {
    await this.#replace(id, FAILED_NAME, failure);
  }

  /** Marks a window as published and acknowledged. Only its keys are kept. */
  async acknowledge(id: WindowId, failedKeys: FailedKeys, atMs: number): Promise<void> {
    this.#written.delete(id);
    await this.#replace(id, ACKNOWLEDGED_NAME, { atMs, failedKeys: [...failedKeys] });
    const folder = join(this.#folder, id);
    await kept(folder, async () => {
      for (const name of OF_OPEN) await this.#disk.remove(join(folder, name));
    });
  }

  /** Removes a window whose keys are forgotten. */
  async remove(id: WindowId): Promise<void> {
    const disk = this.#disk;
    await kept(this.#folder, async () => {
      const removing = join(this.#folder, `${id}${WRITING}`);
      await ifThere(disk.rename(join(this.#folder, id), removing));
      // Otherwise a power cut may restore the window's folder incompletely. Without its acknowledgement, the
      // window would run again.
      await syncPath(this.#folder, disk);
      await disk.remove(removing);
    });
  }

  async #replace(id: WindowId, name: string, value: object): Promise<void> {
    const folder = join(this.#folder, id);
    await kept(folder, () => replaceFile(folder, name, json(value), this.#disk));
  }
}

/**
 * Removes incomplete files, and makes the existing ones durable. A previous process may have stopped between
 * a rename and its sync. No run may depend on a window that the next power cut could remove.
 */
async function finish(folder: string, disk: Disk): Promise<void> {
  await syncPath(folder, disk);
  for (const name of await disk.readdir(folder)) {
    const path = join(folder, name);
    if (name.endsWith(WRITING)) await disk.remove(path);
    else await finishWindow(path, disk);
  }
}

async function finishWindow(path: string, disk: Disk): Promise<void> {
  const names = await disk.readdir(path);
  const isAcknowledged = names.includes(ACKNOWLEDGED_NAME);
  const left = names.filter((name) => name.endsWith(WRITING) || (isAcknowledged && OF_OPEN.includes(name)));
  if (!isAcknowledged || left.length > 0) await syncPath(path, disk);
  for (const name of left) await disk.remove(join(path, name));
}

/**
 * Reads the windows that are not acknowledged, in order of closing. Acknowledged ones are skipped, because a
 * day of them with all their keys may be large.
 *
 * @throws {STATE_FAILED} when the spool cannot be read
 */
export async function readOpenWindows(folder: string): Promise<SpoolRecord[]> {
  const isOpen = async (id: WindowId) =>
    (await ifThere(realDisk.readFile(join(folder, id, ACKNOWLEDGED_NAME)))) === null;
  return await readSpool(folder, realDisk, isOpen);
}

/**
 * Reads the windows in order of closing. A missing folder has none. Another process may use the spool
 * meanwhile.
 *
 * @throws {STATE_FAILED} when the spool cannot be read
 */
async function readSpool(
  folder: string,
  disk: Disk,
  isWanted: (id: WindowId) => Promise<boolean> = async () => true,
): Promise<SpoolRecord[]> {
  return await kept(folder, async () => {
    const names = await ifThere(disk.readdir(folder));
    const ids = (names ?? [])
      .filter((name) => !name.endsWith(WRITING))
      .sort()
      .map(asWindowId);
    const records: SpoolRecord[] = [];
    for (const id of ids) {
      const record = (await isWanted(id)) ? await readRecord(join(folder, id), id, disk) : null;
      if (record !== null) records.push(record);
    }
    return records;
  });
}

async function readRecord(folder: string, id: WindowId, disk: Disk): Promise<SpoolRecord | null> {
  const read = async (name: string) => await ifThere(disk.readFile(join(folder, name)));
  // The window's own file is read last. If another process removes the window meanwhile, it does not look
  // unacknowledged.
  const acknowledged = await read(ACKNOWLEDGED_NAME);
  const failed = await read(FAILED_NAME);
  const window = await read(WINDOW_NAME);
  // Another process removed the window meanwhile.
  if (window === null) return null;
  const { format, ...rest } = parsed<SpooledWindow & { format: number }>(window);
  if (format !== FORMAT) throw new Error(`the format of window ${id} is ${String(format)}`);
  return {
    ...rest,
    id,
    acknowledged: acknowledged === null ? null : acknowledgedOf(acknowledged),
    failed: failedOf(failed),
  };
}

function acknowledgedOf(bytes: Buffer): SpoolRecord["acknowledged"] {
  const { atMs, failedKeys } = parsed<{ atMs: number; failedKeys: [string, string][] }>(bytes);
  return { atMs, failedKeys: new Map(failedKeys) };
}

function failedOf(bytes: Buffer | null): WindowFailure | null {
  return bytes === null ? null : parsed<WindowFailure>(bytes);
}

function parsed<T>(bytes: Buffer): T {
  const value = parseJson(bytes.toString("utf8"));
  if (value === null || typeof value !== "object") throw new Error("it is not a JSON object");
  return value as T;
}

async function writeFile(path: string, bytes: Uint8Array, disk: Disk): Promise<void> {
  const file = await disk.open(path, "wx");
  try {
    await file.write(bytes);
    await file.sync();
  } finally {
    await file.close();
  }
}

function json(value: unknown): Buffer {
  return Buffer.from(`${JSON.stringify(value)}\n`);
}

async function ifThere<T>(reading: Promise<T>): Promise<T | null> {
  return await reading.catch((error: unknown) => {
    if (errorCode(error) === "ENOENT") return null;
    throw error;
  });
}

async function kept<T>(path: string, act: () => Promise<T>): Promise<T> {
  try {
    return await act();
  } catch (cause) {
    throw new ShardmillError("STATE_FAILED", `the windows of a queue cannot be stored: ${messageOf(cause)}`, {
      fields: { path },
      hint: "make the folder writable, and free disk space. Until then, the broker keeps the messages",
      cause,
    });
  }
}
