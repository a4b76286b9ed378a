import { basename, dirname, join } from "node:path";
import type { TimedClock } from "../../shared/core/clock.ts";
import type { Disk } from "../../shared/core/disk.ts";
import { errorCode, ignoreMissing } from "../../shared/core/errno.ts";
import { ShardmillError } from "../../shared/core/errors.ts";
import { makeFolder } from "../../shared/core/make-folders.ts";
import { makeOwn, ownName, readLock, removeLock } from "./lock-file.ts";

/** How often the holder of a lock shows that it lives: one small file, not synced. */
const BEAT_MS = 2_000;

/**
 * A holder that cannot be seen is taken for dead after this long without a beat. Ten beats: a loaded machine
 * and a slow network file system delay some. A job that resumes in a new container waits for as long.
 */
export const SILENCE_MS = 20_000;

/**
 * For this long after a beat began, nobody can have taken the lock over. A quarter of the silence: what the
 * holder does meanwhile may itself take a while.
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
 * A lock that this process holds, and shows to be held by changing a file every few seconds.
 *
 * Law `one-holder`: a process that was stopped for longer than the silence may have lost it to another. So
 * before and after whatever must be done by the holder alone, it `confirm`s: at no cost while its last beat
 * is young, else by reading the lock itself.
 *
 * A process may also be stopped behind that look. So it changes no name that a successor uses but in one
 * step, to or from a folder of its own. A successor removes that folder before it begins: then a step that
 * comes late finds no folder, and fails.
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

  /** Aborts, with OUTPUT_LOCKED, when it turns out that another has taken the lock. */
  get lost(): AbortSignal {
    return this.#lost.signal;
  }

  /** @throws {OUTPUT_LOCKED} when another has taken the lock */
  async confirm(): Promise<void> {
    this.#lost.signal.throwIfAborted();
    if (this.#options.clock.nowMs() - this.#sureFromMs < SURE_MS) return;
    await this.look();
  }

  /**
   * Reports that another has taken the lock, which explains later failures. Null: it has not, as far as can
   * be seen. A released lock is not looked for: its file is free for all.
   */
  async whyLost(): Promise<ShardmillError | null> {
    if (!this.#released) await this.look().catch(() => {});
    return this.#lost.signal.aborted ? this.#lost.signal.reason : null;
  }

  /** A folder beside the lock that no other holder uses. It goes with the lock. */
  get own(): string {
    const { path, nonce } = this.#options;
    return join(dirname(path), ownName(nonce));
  }

  /**
   * Removes what others left beside this lock: those that died while they took it, and the own folders of
   * earlier holders. One that takes the lock at this moment finds its draft gone, and tries again. A claim is
   * of one nonce, which is never drawn again: only the claims of this lock stay.
   *
   * A folder goes in one step. An earlier holder that wakes up moves all that was in it, or nothing.
   *
   * @throws {OUTPUT_LOCKED} when another has taken the lock
   */
  async sweep(): Promise<void> {
    const { path, nonce, disk } = this.#options;
    const [name, folder] = [basename(path), dirname(path)];
    const stays = [`${name}.claim-${nonce}`, ownName(nonce)];
    const others = await disk.readdir(folder);
    // Behind the list: a coordinator that takes the lock later makes names that are not in it.
    await this.look();
    for (const [at, other] of others.entries()) {
      if (!other.startsWith(`${name}.`) || stays.some((own) => other.startsWith(own))) continue;
      const swept = `${this.own}-${at}`;
      await disk.rename(join(folder, other), swept).catch(ignoreMissing);
      await disk.remove(swept);
    }
  }

  /**
   * Removes a file, or a folder with all that is in it, from a name that a successor may use, too.
   *
   * @throws {OUTPUT_LOCKED} when another has taken the lock
   */
  async remove(path: string): Promise<void> {
    const { disk } = this.#options;
    const removed = await this.#nextOwn();
    try {
      await disk.rename(path, removed);
    } catch (error) {
      if (errorCode(error) !== "ENOENT") throw error;
      // Nothing is there, or this holder's folder is gone.
      await this.look();
      return;
    }
    await disk.remove(removed);
  }

  /**
   * Gives a text a name that a successor may use, too. The name is durable once its folder is synced.
   *
   * @throws {OUTPUT_LOCKED} when another has taken the lock
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
   * Makes a folder under a name that a successor may use, too, durably. One that is there stays.
   *
   * @throws {OUTPUT_LOCKED} when another has taken the lock
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

  /** A free name in the own folder. */
  async #nextOwn(): Promise<string> {
    this.#made ??= this.#makeOwn();
    await this.#made;
    this.#steps += 1;
    return join(this.own, String(this.#steps));
  }

  /** Looks last: a coordinator that takes the lock later finds the folder, and removes it. */
  async #makeOwn(): Promise<void> {
    await makeOwn(this.own, this.#options.disk);
    await this.look();
  }

  /** Lets go of it, if it is still this process's. */
  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#released) return;
    this.#released = true;
    this.#callOff();
    await this.#beating;
    const { disk } = this.#options;
    try {
      await this.#removeLock();
    } finally {
      // The next holder removes what cannot be removed now.
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
      // Either the lock is lost, and `#look` has said so; or the disk fails: then `confirm` reads the lock.
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

  /** Reads the lock, whatever was seen of it before. @throws {OUTPUT_LOCKED} when another has taken it */
  async look(): Promise<void> {
    const { path, nonce, disk } = this.#options;
    const there = await readLock(path, disk);
    if (there?.nonce === nonce) return;
    const who = there === null ? "nobody" : `process ${there.pid} on ${there.host}`;
    const error = new ShardmillError(
      "OUTPUT_LOCKED",
      `this coordinator lost its lock: ${who} holds it now, for this one was not heard for ${SILENCE_MS / 1000} s, or the file was deleted`,
      {
        fields: { path, host: there?.host ?? null, pid: there?.pid ?? null },
        hint: "the job goes on in the other one; if there is none, run it again: it resumes",
      },
    );
    this.#lost.abort(error);
    throw error;
  }
}
