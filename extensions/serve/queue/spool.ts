import { join } from "node:path";
import { replaceFile, WRITING } from "../../../coordinator/kept/replace-file.ts";
import { type Disk, realDisk } from "../../../shared/core/disk.ts";
import { errorCode } from "../../../shared/core/errno.ts";
import { messageOf, ShardmillError } from "../../../shared/core/errors.ts";
import { makeFolders } from "../../../shared/core/make-folders.ts";
import { parseJson } from "../../../shared/core/parse-json.ts";
import { syncPath } from "../../../shared/core/sync-path.ts";
import type { JobId } from "../../../shared/domain/job-id.ts";
import type { DeadKeys } from "./gatherer.ts";
import { asWindowId, type WindowId } from "./window-id.ts";

const WINDOW_NAME = "window.json";
const ROWS_NAME = "window.arrow";
const SETTLED_NAME = "settled.json";
const FAILED_NAME = "failed.json";
/** What a window has as long as it is not settled. */
const OF_OPEN: readonly string[] = [ROWS_NAME, FAILED_NAME];
/** Grows when an earlier version would misunderstand one. */
const FORMAT = 1;

/** Where the windows of a job are. @param ledger the folder of its ledger */
export function windowsFolder(ledger: string): string {
  return join(ledger, "windows");
}

/** A window as it lies on the disk. */
export interface SpooledWindow {
  readonly id: WindowId;
  /** When it was closed, by the clock on the wall. */
  readonly closedMs: number;
  /** By which its messages are known, in the order of their rows. */
  readonly keys: readonly string[];
  /** The rows that each became, or of files their number. */
  readonly counts: readonly number[];
  /** The files that its messages name, one message after the other; none of messages that are rows. */
  readonly input: readonly string[];
  /** By key: why messages are left out of its run. */
  readonly left: readonly (readonly [key: string, reason: string])[];
}

/** What became of one. */
export interface SpoolRecord extends SpooledWindow {
  /** Null as long as its messages are not settled. */
  readonly settled: { readonly atMs: number; readonly dead: DeadKeys } | null;
  readonly failed: WindowFailure | null;
}

/** Of a window whose last run failed: it is tried again. */
export interface WindowFailure {
  readonly attempts: number;
  readonly reason: string;
  readonly jobId: JobId | null;
}

/**
 * The windows of a job on the disk, beside its ledger: a folder each, from when a window is closed until its
 * keys are forgotten. Each call is durable when it resolves; a process that is killed in one leaves what was
 * before, or all of it.
 */
export class Spool {
  readonly #folder: string;
  readonly #disk: Disk;
  /** Windows whose rows this process wrote. Nobody knows what another file does to its reader. */
  readonly #written = new Set<string>();

  private constructor(folder: string, disk: Disk) {
    this.#folder = folder;
    this.#disk = disk;
  }

  /** Finishes or removes what a life before did not finish. @throws {STATE_FAILED} */
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

  /** Where the rows of a window are, as long as it is not settled. */
  rowsFile(id: WindowId): string {
    return join(this.#folder, id, ROWS_NAME);
  }

  /** True for a window whose rows this process wrote, and not one before it. */
  wrote(id: WindowId): boolean {
    return this.#written.has(id);
  }

  /** @param rows its rows as a file; null of one that names files */
  async write({ id, ...window }: SpooledWindow, rows: Uint8Array | null): Promise<void> {
    const disk = this.#disk;
    await kept(this.#folder, async () => {
      const making = join(this.#folder, `${id}${WRITING}`);
      const made = join(this.#folder, id);
      // A try before this one may have failed at any point.
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

  /** Puts what the window is from now on in the place of what it was. */
  async change({ id, ...window }: SpooledWindow): Promise<void> {
    await this.#replace(id, WINDOW_NAME, { format: FORMAT, ...window });
  }

  async fail(id: WindowId, failure: WindowFailure): Promise<void> {
    await this.#replace(id, FAILED_NAME, failure);
  }

  /** Its rows are published and its messages settled: only its keys are needed still. */
  async settle(id: WindowId, dead: DeadKeys, atMs: number): Promise<void> {
    this.#written.delete(id);
    await this.#replace(id, SETTLED_NAME, { atMs, dead: [...dead] });
    const folder = join(this.#folder, id);
    await kept(folder, async () => {
      for (const name of OF_OPEN) await this.#disk.remove(join(folder, name));
    });
  }

  /** Its keys are forgotten. */
  async remove(id: WindowId): Promise<void> {
    const disk = this.#disk;
    await kept(this.#folder, async () => {
      const gone = join(this.#folder, `${id}${WRITING}`);
      await ifThere(disk.rename(join(this.#folder, id), gone));
      // Else a power cut may bring the window back, and not all that is in it: without what says that it is
      // settled, it would be run again.
      await syncPath(this.#folder, disk);
      await disk.remove(gone);
    });
  }

  async #replace(id: WindowId, name: string, value: object): Promise<void> {
    const folder = join(this.#folder, id);
    await kept(folder, () => replaceFile(folder, name, json(value), this.#disk));
  }
}

/**
 * Removes what was being made, or removed. And makes durable what is seen here and was not: a life before may
 * have ended between a rename and its sync, and a run must not be built upon a window that the next power cut
 * takes.
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
  const isSettled = names.includes(SETTLED_NAME);
  const left = names.filter((name) => name.endsWith(WRITING) || (isSettled && OF_OPEN.includes(name)));
  if (!isSettled || left.length > 0) await syncPath(path, disk);
  for (const name of left) await disk.remove(join(path, name));
}

/**
 * The windows that are not settled, as {@link readSpool} has them. Of those that are there may be a day's,
 * with all of their keys: they are not read.
 *
 * @throws {STATE_FAILED}
 */
export async function readOpenWindows(folder: string): Promise<SpoolRecord[]> {
  const isOpen = async (id: WindowId) =>
    (await ifThere(realDisk.readFile(join(folder, id, SETTLED_NAME)))) === null;
  return await readSpool(folder, realDisk, isOpen);
}

/**
 * What lies there, in the order in which the windows were closed; nothing where nothing was yet. It may be
 * read while another process has it.
 *
 * @throws {STATE_FAILED}
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
  // First what is there as long as the window is: of one that goes meanwhile none is taken for open.
  const settled = await read(SETTLED_NAME);
  const failed = await read(FAILED_NAME);
  const window = await read(WINDOW_NAME);
  // It was removed meanwhile.
  if (window === null) return null;
  const { format, ...rest } = parsed<SpooledWindow & { format: number }>(window);
  if (format !== FORMAT) throw new Error(`the format of window ${id} is ${String(format)}`);
  return { ...rest, id, settled: settled === null ? null : settledOf(settled), failed: failedOf(failed) };
}

function settledOf(bytes: Buffer): SpoolRecord["settled"] {
  const { atMs, dead } = parsed<{ atMs: number; dead: [string, string][] }>(bytes);
  return { atMs, dead: new Map(dead) };
}

function failedOf(bytes: Buffer | null): WindowFailure | null {
  return bytes === null ? null : parsed<WindowFailure>(bytes);
}

function parsed<T>(bytes: Buffer): T {
  const value = parseJson(bytes.toString("utf8"));
  if (value === null || typeof value !== "object") throw new Error("it is no JSON");
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
    throw new ShardmillError("STATE_FAILED", `the windows of a queue cannot be kept: ${messageOf(cause)}`, {
      fields: { path },
      hint: "make the folder writable, and the disk not full; messages stay with their broker until it is",
      cause,
    });
  }
}
