import { join } from "node:path";
import { realDisk } from "../../shared/core/disk.ts";
import { errorCode } from "../../shared/core/errno.ts";
import { messageOf, ShardmillError } from "../../shared/core/errors.ts";
import { makeFolders } from "../../shared/core/make-folders.ts";
import { parseJson } from "../../shared/core/parse-json.ts";
import { syncPath } from "../../shared/core/sync-path.ts";
import { replaceFile, WRITING } from "../kept/replace-file.ts";
import { OWN_FILES } from "../plan/footers/own-files.ts";
import type { DeadKeys } from "./gatherer.ts";

const WINDOW_NAME = "window.json";
const ROWS_NAME = "window.arrow";
const SETTLED_NAME = "settled.json";
const FAILED_NAME = "failed.json";
/** Grows when an earlier version would misunderstand one. */
const FORMAT = 1;

/** Where the windows of a job are. @param ledger the folder of its ledger */
export function windowsFolder(ledger: string): string {
  return join(ledger, "windows");
}

/** A window as it lies on the disk. */
export interface SpooledWindow {
  readonly id: string;
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
  readonly jobId: string | null;
}

/**
 * The windows of a job on the disk, beside its ledger: a folder each, from when a window is closed until its
 * keys are forgotten. Each call is durable when it resolves; a process that is killed in one leaves what was
 * before, or all of it.
 */
export class Spool {
  readonly #folder: string;

  private constructor(folder: string) {
    this.#folder = folder;
  }

  /** Removes what a life before did not finish. @throws {STATE_FAILED} */
  static async open(folder: string): Promise<{ readonly spool: Spool; readonly records: SpoolRecord[] }> {
    return await kept(folder, async () => {
      await makeFolders(folder);
      const spool = new Spool(folder);
      for (const name of await realDisk.readdir(folder))
        if (name.endsWith(WRITING)) await realDisk.remove(join(folder, name));
      return { spool, records: await readSpool(folder) };
    });
  }

  /** Where the rows of a window are, as long as it is not settled. */
  rowsFile(id: string): string {
    return join(this.#folder, id, ROWS_NAME);
  }

  /** @param rows its rows as a file; null of one that names files */
  async write({ id, ...window }: SpooledWindow, rows: Uint8Array | null): Promise<void> {
    await kept(this.#folder, async () => {
      const making = join(this.#folder, `${id}${WRITING}`);
      await realDisk.mkdir(making);
      if (rows !== null) await writeFile(join(making, ROWS_NAME), rows);
      await writeFile(join(making, WINDOW_NAME), json({ format: FORMAT, ...window }));
      await syncPath(making);
      await realDisk.rename(making, join(this.#folder, id));
      await syncPath(this.#folder);
      if (rows !== null) OWN_FILES.add(this.rowsFile(id));
    });
  }

  /** Puts what the window is from now on in the place of what it was. */
  async change({ id, ...window }: SpooledWindow): Promise<void> {
    const bytes = json({ format: FORMAT, ...window });
    await kept(this.#folder, () => replaceFile(join(this.#folder, id), WINDOW_NAME, bytes));
  }

  async fail(id: string, failure: WindowFailure): Promise<void> {
    await kept(this.#folder, () => replaceFile(join(this.#folder, id), FAILED_NAME, json(failure)));
  }

  /** Its rows are published and its messages settled: only its keys are needed still. */
  async settle(id: string, dead: DeadKeys, atMs: number): Promise<void> {
    const folder = join(this.#folder, id);
    OWN_FILES.delete(this.rowsFile(id));
    await kept(folder, async () => {
      await replaceFile(folder, SETTLED_NAME, json({ atMs, dead: [...dead] }));
      for (const name of [ROWS_NAME, FAILED_NAME]) await realDisk.remove(join(folder, name));
    });
  }

  /** Its keys are forgotten. */
  async remove(id: string): Promise<void> {
    await kept(this.#folder, async () => {
      const gone = join(this.#folder, `${id}${WRITING}`);
      await realDisk.rename(join(this.#folder, id), gone);
      await realDisk.remove(gone);
    });
  }
}

/**
 * The windows that are not settled, as {@link readSpool} has them. Of those that are there may be a day's,
 * with all of their keys: they are not read.
 *
 * @throws {STATE_FAILED}
 */
export async function readOpenWindows(folder: string): Promise<SpoolRecord[]> {
  const isOpen = async (id: string) =>
    (await ifThere(realDisk.readFile(join(folder, id, SETTLED_NAME)))) === null;
  return await readSpool(folder, isOpen);
}

/**
 * What lies there, in the order in which the windows were closed; nothing where nothing was yet. It may be
 * read while another process has it.
 *
 * @throws {STATE_FAILED}
 */
async function readSpool(
  folder: string,
  isWanted: (id: string) => Promise<boolean> = async () => true,
): Promise<SpoolRecord[]> {
  return await kept(folder, async () => {
    const names = await ifThere(realDisk.readdir(folder));
    const ids = (names ?? []).filter((name) => !name.endsWith(WRITING)).sort();
    const records: SpoolRecord[] = [];
    for (const id of ids) {
      const record = (await isWanted(id)) ? await readRecord(folder, id) : null;
      if (record !== null) records.push(record);
    }
    return records;
  });
}

async function readRecord(folder: string, id: string): Promise<SpoolRecord | null> {
  const read = async (name: string) => await ifThere(realDisk.readFile(join(folder, id, name)));
  const window = await read(WINDOW_NAME);
  // It was removed meanwhile.
  if (window === null) return null;
  const { format, ...rest } = parsed<SpooledWindow & { format: number }>(window);
  if (format !== FORMAT) throw new Error(`the format of window ${id} is ${String(format)}`);
  const settled = await read(SETTLED_NAME);
  const failed = await read(FAILED_NAME);
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

async function writeFile(path: string, bytes: Uint8Array): Promise<void> {
  const file = await realDisk.open(path, "wx");
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
