import { basename, dirname, join } from "node:path";
import type { TimedClock } from "../../shared/core/clock.ts";
import type { Disk } from "../../shared/core/disk.ts";
import { errorCode, ignoreMissing } from "../../shared/core/errno.ts";
import { ShardmillError } from "../../shared/core/errors.ts";
import { makeFolder } from "../../shared/core/make-folders.ts";
import { makeOwn, ownName, readLock, removeLock } from "./lock-file.ts";

/** Interval of a holder's heartbeats. Each is one small file, not synced. */
const BEAT_MS = 2_000;

/**
 * Silence after which a holder that cannot be checked directly counts as lost. Ten heartbeats, because a
 * loaded machine or a slow network file system delays some. A job that resumes in a new container waits this
 * long.
 */
export const SILENCE_MS = 20_000;

/**
 * Time after the start of a heartbeat during which no other process can have taken the lock over. A quarter
 * of the silence, because the holder's own step may take a while.
 */
const SURE_MS = 5_000;

interface HeldLockOptions {
  readonly path: string;
  readonly beatPath: string;
  readonly nonce: string;
  readonly disk: Disk;
  readonly clock: TimedClock;
}

/**
 * A lock that this process holds. A file that changes every few seconds shows that the holder runs.
 *
 * Law `one-holder`: a process that was stopped for longer than the silence may have lost its lock. So it
 * calls `confirm` before and after every step that only the holder may do. This costs nothing while the last
 * heartbeat is recent. Otherwise it reads the lock.
 *
 * A process may also be stopped after that check. So it changes shared names only in one step, by a rename to
 * or from a folder of its own. A successor removes that folder before it begins: then a late rename finds no
 * folder, and fails.
 */
export class HeldLock implements AsyncDisposable {
  readonly #options: HeldLockOptions;
  readonly #lost = new AbortController();
  #sureFromMs: number;
  #beats = 0;
  #beating: Promise<void> = Promise.resolve();
  #callOff: () => void = () => {};
  #released = false;
  #made: Promise<void> | null = null;
  #steps = 0;

  constructor(options: HeldLockOptions) {
    this.#options = options;
    this.#sureFromMs = options.clock.nowMs();
    this.#beating = this.#beat();
  }

  /** Aborts with OUTPUT_LOCKED when another process is found to have taken the lock. */
  get lost(): AbortSignal {
    return this.#lost.signal;
  }

  /** @throws {OUTPUT_LOCKED} when another process has taken the lock */
  async confirm(): Promise<void> {
    this.#lost.signal.throwIfAborted();
    if (this.#options.clock.nowMs() - this.#sureFromMs < SURE_MS) return;
    await this.look();
  }

  /**
   * Returns the error of a lock that another process has taken, which explains later failures. Null when no
   * takeover is visible. A released lock is not read, because its file is free for others.
   */
  async whyLost(): Promise<ShardmillError | null> {
    if (!this.#released) await this.look().catch(() => {});
    return this.#lost.signal.aborted ? this.#lost.signal.reason : null;
  }

  /** Path of a folder beside the lock that no other holder uses. It is removed with the lock. */
  get own(): string {
    const { path, nonce } = this.#options;
    return join(dirname(path), ownName(nonce));
  }

  /**
   * Removes the leftovers of others beside this lock: files of crashed processes, and folders of earlier
   * holders. A process that takes the lock at this moment finds its draft removed, and retries. Claims name a
   * nonce that never recurs, so only claims on this lock stay.
   *
   * Each folder is removed by one rename. A stopped holder that continues still has all files in its folder,
   * or none.
   *
   * @throws {OUTPUT_LOCKED} when another process has taken the lock
   */
  async sweep(): Promise<void> {
    const { path, nonce, disk } = this.#options;
    const [name, folder] = [basename(path), dirname(path)];
    const stays = [`${name}.claim-${nonce}`, ownName(nonce)];
    const others = await disk.readdir(folder);
    // Reads the lock after listing the folder: a later holder's names are not in the list.
    await this.look();
    for (const [at, other] of others.entries()) {
      if (!other.startsWith(`${name}.`) || stays.some((own) => other.startsWith(own))) continue;
      const swept = `${this.own}-${at}`;
      await disk.rename(join(folder, other), swept).catch(ignoreMissing);
      await disk.remove(swept);
    }
  }

  /**
   * Removes a file or a folder from a name that a successor may use, too.
   *
   * @throws {OUTPUT_LOCKED} when another process has taken the lock
   */
  async remove(path: string): Promise<void> {
    const { disk } = this.#options;
    const removed = await this.#nextOwn();
    try {
      await disk.rename(path, removed);
    } catch (error) {
      if (errorCode(error) !== "ENOENT") throw error;
      // There is nothing to remove, or this holder's folder was removed.
      await this.look();
      return;
    }
    await disk.remove(removed);
  }

  /**
   * Writes a text to a name that a successor may use, too. The name is durable once its folder is synced.
   *
   * @throws {OUTPUT_LOCKED} when another process has taken the lock
   */
  async place(path: string, text: string): Promise<void> {
    const { disk } = this.#options;
    const placed = await this.#nextOwn();
    const file = await disk.open(placed, "wx");
    try {
      await file.write(Buffer.from(text, "utf8"));
      await file.sync();
    } finally {
      await file.close();
    }
    await disk.rename(placed, path);
  }

  /**
   * Makes a folder durably, under a name that a successor may use, too. An existing folder stays.
   *
   * @throws {OUTPUT_LOCKED} when another process has taken the lock
   */
  async makeFolder(path: string): Promise<void> {
    const { disk } = this.#options;
    const made = await this.#nextOwn();
    try {
      await disk.mkdir(made);
      await makeFolder(path, disk, () => disk.rename(made, path));
    } catch (error) {
      if (errorCode(error) === "ENOENT") await this.look();
      throw error;
    }
  }

  /** Returns an unused path in the own folder. */
  async #nextOwn(): Promise<string> {
    this.#made ??= this.#makeOwn();
    await this.#made;
    this.#steps += 1;
    return join(this.own, String(this.#steps));
  }

  /** Reads the lock last: a process that takes the lock later finds the folder, and removes it. */
  async #makeOwn(): Promise<void> {
    await makeOwn(this.own, this.#options.disk);
    await this.look();
  }

  /** Releases the lock, if this process still holds it. */
  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#released) return;
    this.#released = true;
    this.#callOff();
    await this.#beating;
    const { disk } = this.#options;
    try {
      await this.#removeLock();
    } finally {
      // The next holder removes the rest.
      await disk.remove(this.own).catch(() => {});
    }
  }

  async #removeLock(): Promise<void> {
    const { path, beatPath, nonce, disk } = this.#options;
    if ((await readLock(path, disk))?.nonce !== nonce) return;
    await disk.unlink(beatPath).catch(() => {});
    await removeLock(path, nonce, this.own, disk).catch(ignoreMissing);
  }

  async #beat(): Promise<void> {
    const { clock } = this.#options;
    const beganMs = clock.nowMs();
    try {
      await this.look();
      await this.#writeBeat();
      this.#sureFromMs = beganMs;
    } catch {
      // Either the lock is lost, and `look` has aborted the signal, or the disk fails. Then `confirm` reads
      // the lock.
    }
    if (this.#released || this.#lost.signal.aborted) return;
    this.#callOff = clock.after(BEAT_MS, () => {
      this.#beating = this.#beat();
    });
  }

  async #writeBeat(): Promise<void> {
    const { beatPath, nonce, disk } = this.#options;
    this.#beats += 1;
    const file = await disk.open(beatPath, "w");
    try {
      await file.write(Buffer.from(`${nonce} ${this.#beats}\n`, "utf8"));
    } finally {
      await file.close();
    }
  }

  /**
   * Reads the lock, however recent the last heartbeat is.
   *
   * @throws {OUTPUT_LOCKED} when another process has taken it
   */
  async look(): Promise<void> {
    const { path, nonce, disk } = this.#options;
    const there = await readLock(path, disk);
    if (there?.nonce === nonce) return;
    const who = there === null ? "no process" : `process ${there.pid} on ${there.host}`;
    const error = new ShardmillError(
      "OUTPUT_LOCKED",
      `this coordinator lost its lock: ${who} holds it now, because this one wrote no heartbeat for ${SILENCE_MS / 1000} s, or the file was deleted`,
      {
        fields: { path, host: there?.host ?? null, pid: there?.pid ?? null },
        hint: "let the other coordinator finish the job, or if there is none, run it again: it resumes",
      },
    );
    this.#lost.abort(error);
    throw error;
  }
}

/** Exclusive right to the job. A coordinator that has lost it touches none of the job's files. */
export type JobLock = Pick<HeldLock, "confirm" | "lost" | "whyLost">;
