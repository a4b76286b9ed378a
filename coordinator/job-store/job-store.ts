import { chmod, stat } from "node:fs/promises";
import { join } from "node:path";
import { NEVER } from "../../shared/core/abort.ts";
import type { TimedClock } from "../../shared/core/clock.ts";
import { realDisk } from "../../shared/core/disk.ts";
import { isShardmillError, messageOf, ShardmillError } from "../../shared/core/errors.ts";
import { Lock } from "../../shared/core/lock.ts";
import type { Logger } from "../../shared/core/log.ts";
import { makeFolders } from "../../shared/core/make-folders.ts";
import { systemProcesses } from "../../shared/core/process-identity.ts";
import { systemRandom } from "../../shared/core/random.ts";
import { isEnded } from "../../shared/domain/job.ts";
import type { JobId } from "../../shared/domain/job-id.ts";
import type { JobStatus } from "../../shared/domain/job-status.ts";
import type { HeldLock } from "../journal/held-lock.ts";
import { acquireLock } from "../journal/lock.ts";
import {
  formatRecord,
  isRecordName,
  type JobRecord,
  jobOfView,
  parseRecord,
  recordName,
  type StoredRecord,
  tooMany,
  viewName,
} from "./job-record.ts";
import { replaceFile, WRITING } from "./replace-file.ts";

interface JobStoreOptions {
  /** The state folder, made if missing. */
  readonly folder: string;
  readonly clock: TimedClock;
  readonly log: Logger;
  readonly signal: AbortSignal;
}

type Submitted = Pick<JobRecord, "spec" | "by" | "role">;

const DAMAGED = ".damaged";

/**
 * Jobs that a coordinator remembers over restarts, in its state folder. Each job has one record file, written
 * at submission and at its end. Each write replaces the whole file and syncs it. A killed process thus leaves
 * the previous record or the new one. An ended job also has a view file, which is read on demand.
 *
 * A job's progress is not here: its journal is the only source for that.
 */
export class JobStore implements AsyncDisposable {
  readonly #folder: string;
  readonly #held: HeldLock;
  readonly #log: Logger;
  readonly #writes = new Lock();
  readonly #records = new Map<JobId, StoredRecord>();
  #orders = 0;

  private constructor(folder: string, held: HeldLock, log: Logger) {
    this.#folder = folder;
    this.#held = held;
    this.#log = log;
  }

  /**
   * Locks the folder for this coordinator and reads it. An unreadable record is renamed and logged, so that
   * one bad file does not keep the coordinator from starting.
   *
   * @returns the records in the order of submission
   * @throws {STATE_LOCKED} when another coordinator keeps its jobs there
   * @throws {STATE_FAILED} when the folder cannot be made, read or written
   */
  static async open(options: JobStoreOptions): Promise<{ store: JobStore; records: JobRecord[] }> {
    const { folder: state, log } = options;
    const isNew = await stat(state).then(
      () => false,
      () => true,
    );
    const held = await hold(options);
    try {
      // An existing folder may be shared on purpose.
      if (isNew) await chmod(state, 0o700);
      await held.sweep();
      const folder = join(state, "jobs");
      await makeFolders(folder);
      // A job file may hold addresses that grant access, such as signed URLs.
      await chmod(folder, 0o700);
      const store = new JobStore(folder, held, log);
      return { store, records: await store.#readAll() };
    } catch (cause) {
      await held[Symbol.asyncDispose]().catch(() => {});
      throw stateFailed(state, cause);
    }
  }

  /**
   * Records a submitted job, durably: a restart resumes it. A known job moves to the end of the order.
   *
   * @throws {STATE_FAILED}
   */
  async submitted(job: Submitted, status: JobStatus): Promise<void> {
    this.#orders += 1;
    await this.#write({ ...job, jobId: status.jobId, order: this.#orders, status });
  }

  /**
   * Records how a job ended, durably.
   *
   * @param view packed {@link view} of the job. Default: the known view stays.
   * @throws {STATE_FAILED}
   */
  async ended(job: Submitted, status: JobStatus, view?: Uint8Array): Promise<void> {
    const order = this.#records.get(status.jobId)?.order ?? this.#orders;
    await this.#write({ ...job, jobId: status.jobId, order, status }, view);
  }

  /** Returns the view that {@link ended} received for an ended job. Null: unknown. */
  async view(jobId: JobId): Promise<Uint8Array | null> {
    return await realDisk.readFile(join(this.#folder, viewName(jobId))).catch(() => null);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const leave = await this.#writes.enter(NEVER);
    leave();
    await this.#held[Symbol.asyncDispose]();
  }

  async #write(record: JobRecord, view?: Uint8Array): Promise<void> {
    const leave = await this.#writes.enter(NEVER);
    try {
      await this.#held.confirm();
      // The view first: readers ask for it only once the record says that the job has ended.
      if (view !== undefined) await replaceFile(this.#folder, viewName(record.jobId), view);
      const text = Buffer.from(formatRecord(record), "utf8");
      await replaceFile(this.#folder, recordName(record.jobId), text);
      this.#keep(record, text.length + (await this.#viewBytes(record.jobId)));
      await this.#forgetOldest();
    } catch (cause) {
      throw stateFailed(this.#folder, cause);
    } finally {
      leave();
    }
  }

  #keep({ jobId, order, status }: JobRecord, bytes: number): void {
    this.#records.set(jobId, { jobId, order, bytes, isEnded: isEnded(status.phase) });
  }

  /** Removes the oldest ended jobs, without a sync: a record that a crash restores is removed again. */
  async #forgetOldest(): Promise<void> {
    for (const jobId of tooMany(this.#records.values())) {
      await realDisk.remove(join(this.#folder, viewName(jobId)));
      await realDisk.remove(join(this.#folder, recordName(jobId)));
      this.#records.delete(jobId);
    }
  }

  async #readAll(): Promise<JobRecord[]> {
    const records: JobRecord[] = [];
    const names = await realDisk.readdir(this.#folder);
    for (const name of names) {
      const path = join(this.#folder, name);
      if (name.endsWith(WRITING)) await realDisk.remove(path);
      if (!isRecordName(name)) continue;
      const record = await this.#read(name).catch((error: unknown) =>
        this.#renameDamaged(name, messageOf(error)),
      );
      if (record !== null) records.push(record);
    }
    await this.#readViews(names);
    await this.#forgetOldest();
    const known = records.filter(({ jobId }) => this.#records.has(jobId)).sort((a, b) => a.order - b.order);
    this.#orders = known.at(-1)?.order ?? 0;
    return known;
  }

  /** Adds the size of each view to its job, and removes the views of unknown jobs. */
  async #readViews(names: readonly string[]): Promise<void> {
    for (const name of names) {
      const jobId = jobOfView(name);
      if (jobId === null) continue;
      const store = this.#records.get(jobId);
      if (store === undefined) await realDisk.remove(join(this.#folder, name));
      else this.#records.set(jobId, { ...store, bytes: store.bytes + (await this.#viewBytes(jobId)) });
    }
  }

  async #viewBytes(jobId: JobId): Promise<number> {
    const found = await stat(join(this.#folder, viewName(jobId))).catch(() => null);
    return found?.size ?? 0;
  }

  async #read(name: string): Promise<JobRecord | null> {
    const bytes = await realDisk.readFile(join(this.#folder, name));
    const read = parseRecord(bytes.toString("utf8"), name);
    if (read.kind === "record") {
      this.#keep(read.record, bytes.length);
      return read.record;
    }
    if (read.kind === "damaged") return await this.#renameDamaged(name, read.why);
    const path = join(this.#folder, name);
    this.#log.warn(
      { path, format: read.format },
      "the record of a job was written by a later version, and is skipped",
    );
    return null;
  }

  /** Renames an unreadable record. The job's own journal is unchanged, and another submission resumes it. */
  async #renameDamaged(name: string, why: string): Promise<null> {
    const path = join(this.#folder, name);
    const damaged = `${path}${DAMAGED}`;
    await realDisk.rename(path, damaged).catch(() => {});
    const what = "the record of a job is damaged, and was renamed: submit the job again if it was running";
    this.#log.warn({ path: damaged, why }, what);
    return null;
  }
}

async function hold({ folder, clock, log, signal }: JobStoreOptions): Promise<HeldLock> {
  const seams = { disk: realDisk, random: systemRandom, processes: systemProcesses, clock };
  const onWaiting = (message: string) => log.warn({ folder }, message);
  try {
    return await acquireLock(folder, { ...seams, onWaiting, signal });
  } catch (cause) {
    signal.throwIfAborted();
    if (!isShardmillError(cause, "OUTPUT_LOCKED")) throw stateFailed(folder, cause);
    const { host = null, pid = null } = cause.fields;
    throw new ShardmillError("STATE_LOCKED", `another coordinator keeps its jobs in ${folder}`, {
      fields: { folder, host, pid },
      hint: `stop process ${pid} on ${host}, or name another folder with --state`,
      cause,
    });
  }
}

function stateFailed(folder: string, cause: unknown): ShardmillError {
  if (isShardmillError(cause, "STATE_FAILED")) return cause;
  return new ShardmillError(
    "STATE_FAILED",
    `the coordinator's records of its jobs cannot be stored: ${messageOf(cause)}`,
    {
      fields: { folder },
      hint: "name a folder that can be written to with --state",
      cause,
    },
  );
}
