import { join } from "node:path";
import { replaceFile, WRITING } from "../../../coordinator/job-store/replace-file.ts";
import type { HeldLock } from "../../../coordinator/journal/held-lock.ts";
import { acquireLock, type LockSeams } from "../../../coordinator/journal/lock.ts";
import { findOutputPaths } from "../../../coordinator/publish/work-paths.ts";
import type { TimedClock } from "../../../shared/core/clock.ts";
import { type Disk, realDisk } from "../../../shared/core/disk.ts";
import { errorCode } from "../../../shared/core/errno.ts";
import { isShardmillError, messageOf, ShardmillError } from "../../../shared/core/errors.ts";
import type { Logger } from "../../../shared/core/log.ts";
import { makeFolders } from "../../../shared/core/make-folders.ts";
import { parseJson } from "../../../shared/core/parse-json.ts";
import { syncPath } from "../../../shared/core/sync-path.ts";
import type { JobSpec } from "../../../shared/domain/job-spec.ts";
import { below, localPathOf } from "../../../shared/domain/location.ts";
import { isOnThisMachine } from "../../../shared/storage/local-paths.ts";
import type { Storage } from "../../../shared/storage/storage.ts";
import { LEDGER_FOLDER } from "../spec/trigger-key.ts";
import type { TriggerState } from "./trigger-state.ts";

const LEDGER_NAME = "ledger.json";
/** Version of the format. Increases when an earlier version would misread the file. */
const FORMAT = 1;

/**
 * Returns the folder of a job's ledger, beside the runs. For an output in a bucket, the ledger is with the
 * job's work files on this machine's disk.
 *
 * @param storage storage of the output
 */
export async function ledgerFolder(spec: JobSpec, storage: Pick<Storage, "storeOf">): Promise<string> {
  const { output, disk } = await findOutputPaths(spec, storage);
  return isOnThisMachine(output) ? localPathOf(below(output, LEDGER_FOLDER)) : join(disk, LEDGER_FOLDER);
}

/**
 * Reads a ledger. Null: there is none yet. Another process may use the ledger meanwhile.
 *
 * @throws {STATE_FAILED} when the ledger cannot be read, or a later version wrote it
 */
export async function readLedger(folder: string, disk: Disk = realDisk): Promise<TriggerState | null> {
  const path = join(folder, LEDGER_NAME);
  const bytes = await disk.readFile(path).catch((cause: unknown) => {
    if (errorCode(cause) === "ENOENT") return null;
    throw unusable(path, messageOf(cause), cause);
  });
  if (bytes === null) return null;
  const { format, state } = (parseJson(bytes.toString("utf8")) ?? {}) as {
    format?: unknown;
    state?: TriggerState;
  };
  if (format !== FORMAT || state === undefined) throw unusable(path, `its format is ${String(format)}`);
  return state;
}

interface LedgerOptions {
  readonly folder: string;
  readonly seams: LockSeams;
  readonly clock: TimedClock;
  readonly log: Logger;
  readonly signal: AbortSignal;
}

/** Durable record of a job's firings. One process at a time owns it. */
export class TriggerLedger implements AsyncDisposable {
  readonly #folder: string;
  readonly #disk: Disk;
  readonly #held: HeldLock;
  #state: TriggerState | null;

  private constructor(
    { folder, seams }: Pick<LedgerOptions, "folder" | "seams">,
    held: HeldLock,
    state: TriggerState | null,
  ) {
    this.#folder = folder;
    this.#disk = seams.disk;
    this.#held = held;
    this.#state = state;
  }

  /**
   * Locks and reads a ledger.
   *
   * @throws {LEDGER_LOCKED} when another process serves the job
   * @throws {STATE_FAILED} when the ledger cannot be read or written
   */
  static async open(options: LedgerOptions): Promise<TriggerLedger> {
    const { folder, seams } = options;
    const held = await hold(options);
    try {
      await finish(folder, held, seams.disk);
      return new TriggerLedger(options, held, await readLedger(folder, seams.disk));
    } catch (error) {
      await held[Symbol.asyncDispose]().catch(() => {});
      throw error;
    }
  }

  /** Null: the job was never served. */
  get state(): TriggerState | null {
    return this.#state;
  }

  /**
   * Saves the state durably.
   *
   * @throws {STATE_FAILED} when the ledger cannot be written
   */
  async save(state: TriggerState): Promise<void> {
    try {
      await this.#held.confirm();
      await replaceFile(
        this.#folder,
        LEDGER_NAME,
        Buffer.from(`${JSON.stringify({ format: FORMAT, state })}\n`),
        this.#disk,
      );
    } catch (cause) {
      throw unusable(this.#folder, messageOf(cause), cause);
    }
    this.#state = state;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#held[Symbol.asyncDispose]();
  }
}

/**
 * Removes incomplete files, and makes the ledger durable. A previous process may have stopped between a
 * rename and its sync. No run may depend on a state that the next power cut could remove.
 */
async function finish(folder: string, held: HeldLock, disk: Disk): Promise<void> {
  try {
    await held.sweep();
    await disk.remove(join(folder, `${LEDGER_NAME}${WRITING}`));
    await syncPath(folder, disk);
  } catch (cause) {
    throw unusable(folder, messageOf(cause), cause);
  }
}

async function hold({ folder, seams, clock, log, signal }: LedgerOptions): Promise<HeldLock> {
  const onWaiting = (message: string) => log.warn({ folder }, message);
  try {
    await makeFolders(folder, seams.disk);
    return await acquireLock(folder, { ...seams, clock, onWaiting, signal });
  } catch (cause) {
    signal.throwIfAborted();
    if (!isShardmillError(cause, "OUTPUT_LOCKED")) throw unusable(folder, messageOf(cause), cause);
    const { host = null, pid = null } = cause.fields;
    throw new ShardmillError("LEDGER_LOCKED", `another process serves this job's trigger`, {
      fields: { folder, host, pid },
      hint: `stop process ${pid} on ${host}: one process at a time makes the runs of a job`,
      cause,
    });
  }
}

function unusable(path: string, why: string, cause?: unknown): ShardmillError {
  return new ShardmillError("STATE_FAILED", `the outcomes of the job's runs cannot be stored: ${why}`, {
    fields: { path },
    hint: "make the folder writable. A damaged file may be moved away: no earlier run then counts as missed",
    cause,
  });
}
