import { dirname, join } from "node:path";
import { NEVER, sleepBy } from "../../shared/core/abort.ts";
import { systemClock, type TimedClock } from "../../shared/core/clock.ts";
import { type Disk, realDisk } from "../../shared/core/disk.ts";
import { errorCode } from "../../shared/core/errno.ts";
import { messageOf, ShardmillError } from "../../shared/core/errors.ts";
import { makeFolders } from "../../shared/core/make-folders.ts";
import { isSameProcess, type Processes, systemProcesses } from "../../shared/core/process-identity.ts";
import { type Random, systemRandom } from "../../shared/core/random.ts";
import { HeldLock, SILENCE_MS } from "./held-lock.ts";
import {
  BEAT_NAME,
  heldBy,
  LOCK_NAME,
  type LockContent,
  ownName,
  placeLock,
  readBeat,
  readLock,
  removeLock,
  writeDurably,
} from "./lock-file.ts";

/**
 * Limit of attempts when other processes take and release the lock at once. Each lost attempt means that
 * another process made progress.
 */
const MAX_TRIES = 32;

/** Interval of checks of a holder that can only be judged by its heartbeats. */
const LOOK_MS = 1_000;

/** Access to the machine that a lock needs. */
export interface LockSeams {
  readonly disk: Disk;
  readonly random: Random;
  readonly processes: Processes;
}

export interface LockOptions extends LockSeams {
  readonly clock: TimedClock;
  readonly signal: AbortSignal;
  /** Called when it takes time to check whether the holder still runs. */
  readonly onWaiting?: (message: string) => void;
  /** Error text when the folder cannot hold a lock. Default: the output folder cannot be written to. */
  readonly trouble?: { readonly what: string; readonly hint: string };
}

const OUTPUT_FOLDER = {
  what: "the output folder cannot be written to",
  hint: "choose an output.path that can be written to",
};

const SYSTEM: LockOptions = {
  disk: realDisk,
  random: systemRandom,
  processes: systemProcesses,
  clock: systemClock,
  signal: NEVER,
};

/**
 * Acquires the right to run the job in `folder`, which is made if missing. The lock is held until it is
 * disposed of, or its process exits.
 *
 * The lock of an exited process is taken over. On the same machine and in the same PID namespace this happens
 * at once, because the exit is visible. Any other holder counts as lost after {@link SILENCE_MS} without a
 * heartbeat, which this function waits for. This also applies to a lock of this same process. A holder that
 * was only stopped for that long detects the loss, and does nothing more: see {@link HeldLock}.
 *
 * @throws {OUTPUT_LOCKED} when a running process holds the lock
 * @throws {OUTPUT_FAILED} when the folder cannot hold a lock
 */
export async function acquireLock(folder: string, options: LockOptions = SYSTEM): Promise<HeldLock> {
  const path = join(folder, LOCK_NAME);
  for (let tries = 1; ; tries += 1) {
    try {
      return await lock(folder, path, options);
    } catch (cause) {
      options.signal.throwIfAborted();
      if (cause instanceof ShardmillError) throw cause;
      // A job that ended at this moment removed the folder, and the new lock in it.
      if (errorCode(cause) === "ENOENT" && tries < MAX_TRIES) continue;
      const { what, hint } = options.trouble ?? OUTPUT_FOLDER;
      throw new ShardmillError("OUTPUT_FAILED", `${what}: ${messageOf(cause)}`, {
        fields: { path },
        cause,
        hint,
      });
    }
  }
}

async function lock(folder: string, path: string, options: LockOptions): Promise<HeldLock> {
  const { disk, random, processes } = options;
  const content: LockContent = { ...processes.own(), nonce: random.hex(12) };
  const making = join(folder, `${LOCK_NAME}.${content.nonce}.tmp`);
  const taker = { making, nonce: content.nonce, own: join(folder, ownName(content.nonce)) };
  try {
    // The names of these folders must be durable for the lock and for the journal.
    await makeFolders(dirname(folder), disk);
    await makeFolders(folder, disk);
    await writeDurably(making, JSON.stringify(content), disk);
    await take(path, taker, options);
  } finally {
    await disk.unlink(making).catch(() => {});
  }
  return new HeldLock({ path, beatPath: join(folder, BEAT_NAME), nonce: content.nonce, ...options });
}

/** A process that takes a lock. */
interface Taker {
  /** Path of its lock file under a temporary name. */
  readonly making: string;
  readonly nonce: string;
  /**
   * Path of its own folder. Before it holds the lock, the folder exists only while it removes a lost holder's
   * lock.
   */
  readonly own: string;
}

/**
 * Links `making` to `path`, after removing the lock of a lost holder.
 *
 * The file with nonce N is removed by its owner. Once the owner is lost, only the holder of
 * `lock.json.claim-N` removes it. So the holder of the claim may remove a file that still has nonce N. No new
 * lock is ever removed by mistake. A claim is a lock itself: the claim of a lost process is removed in the
 * same way.
 */
async function take(path: string, taker: Taker, options: LockOptions): Promise<void> {
  const { disk } = options;
  const { making, nonce, own } = taker;
  for (let tries = 0; tries < MAX_TRIES; tries += 1) {
    if (await placeLock(making, path, disk)) return;
    const holder = await readLock(path, disk);
    if (holder === null || !(await hasExited(holder, path, options))) continue;
    const claim = `${path}.claim-${holder.nonce}`;
    await take(claim, taker, options);
    try {
      await removeLock(path, holder.nonce, own, disk);
    } finally {
      await removeLock(claim, nonce, own, disk).finally(() => disk.rmdir(own).catch(() => {}));
    }
  }
  throw new ShardmillError("OUTPUT_LOCKED", `other processes keep taking the lock ${path}`, {
    fields: { path },
    hint: "run the job once at a time",
  });
}

/**
 * Checks whether a lock's holder is gone. False: the holder released the lock meanwhile.
 *
 * @throws {OUTPUT_LOCKED} when the holder still runs
 */
async function hasExited(holder: LockContent, path: string, options: LockOptions): Promise<boolean> {
  const { processes, disk, clock, signal, onWaiting } = options;
  const state = processes.processState(holder);
  if (state === "exited") return true;
  // This process may have released the lock, and a failing disk kept the file. So its own lock is judged by
  // heartbeats.
  const isOwn = isSameProcess(holder, processes.own());
  if (state === "running" && !isOwn) throw heldBy(holder, path, "here");
  const { host, pid } = holder;
  const looks = Math.ceil(SILENCE_MS / LOOK_MS);
  onWaiting?.(
    isOwn
      ? `waiting ${SILENCE_MS / 1000} s for a heartbeat of this process itself on this output: ` +
          "its own lock is there, and may be left over"
      : `waiting ${SILENCE_MS / 1000} s for a heartbeat of process ${pid} on ${host}, which was at work on this output: ` +
          "it ran in another container, boot or machine, so only a heartbeat can show that it still runs",
  );
  const beatPath = join(dirname(path), BEAT_NAME);
  const before = await readBeat(beatPath, disk);
  // Checks are counted instead of time: this process may have been stopped meanwhile, and checked nothing.
  for (let look = 0; look < looks; look += 1) {
    await sleepBy(clock, LOOK_MS, signal);
    if ((await readLock(path, disk))?.nonce !== holder.nonce) return false;
    if ((await readBeat(beatPath, disk)) !== before) throw heldBy(holder, path, isOwn ? "here" : "elsewhere");
  }
  return true;
}
