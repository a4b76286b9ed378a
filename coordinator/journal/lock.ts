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
 * Tries against others that come and go at the same moment: each lost try means that somebody else moved on.
 */
const MAX_TRIES = 32;

/** How often a holder that cannot be judged from here is looked at. */
const LOOK_MS = 1_000;

/** What a lock rests on. */
export interface LockSeams {
  readonly disk: Disk;
  readonly random: Random;
  readonly processes: Processes;
}

export interface LockOptions extends LockSeams {
  readonly clock: TimedClock;
  readonly signal: AbortSignal;
  /** Called when it takes time to find out whether the holder is alive. */
  readonly onWaiting?: (message: string) => void;
  /** What is said where the folder cannot hold a lock. Left out: that it is the output folder. */
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
 * The right to run the job in `folder` (made if missing): held until it is disposed of, or its process is
 * dead. The lock of a dead process is taken over: at once where its death can be seen, which is in its own
 * PID namespace on its own machine. Elsewhere its holder is dead when it has not renewed the lock for {@link
 * SILENCE_MS}, which is waited for here. A lock of this same process is judged by its silence, too. A holder
 * that was only stopped for so long finds out, and does nothing more: see {@link HeldLock}.
 *
 * @throws {OUTPUT_LOCKED} when a live process holds it
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
    // The journal needs these folder names to be durable, as the lock does.
    await makeFolders(dirname(folder), disk);
    await makeFolders(folder, disk);
    await writeDurably(making, JSON.stringify(content), disk);
    await take(path, taker, options);
  } finally {
    await disk.unlink(making).catch(() => {});
  }
  return new HeldLock({ path, beatPath: join(folder, BEAT_NAME), nonce: content.nonce, ...options });
}

/** Coordinator that takes a lock. */
interface Taker {
  /** Its lock file, under another name. */
  readonly making: string;
  readonly nonce: string;
  /** Its own folder. While it takes a lock, the folder is there only as it clears a dead holder away. */
  readonly own: string;
}

/**
 * Links `making` to `path`; clears a dead holder away first.
 *
 * Law: the file of nonce N is removed by its owner, or by who holds `lock.json.claim-N`, and the owner is
 * dead. So whoever holds the claim and still finds N can remove it, and nobody's fresh lock is ever removed
 * by mistake. A claim is a lock itself: that of a dead claimer is cleared in the same way.
 */
async function take(path: string, taker: Taker, options: LockOptions): Promise<void> {
  const { disk } = options;
  const { making, nonce, own } = taker;
  for (let tries = 0; tries < MAX_TRIES; tries += 1) {
    if (await placeLock(making, path, disk)) return;
    const holder = await readLock(path, disk);
    if (holder === null || !(await isDead(holder, path, options))) continue;
    const claim = `${path}.claim-${holder.nonce}`;
    await take(claim, taker, options);
    try {
      await removeLock(path, holder.nonce, own, disk);
    } finally {
      await removeLock(claim, nonce, own, disk).finally(() => disk.rmdir(own).catch(() => {}));
    }
  }
  throw new ShardmillError("OUTPUT_LOCKED", `others keep taking the lock ${path}`, {
    fields: { path },
    hint: "run the job once at a time",
  });
}

/**
 * Checks whether a lock's holder is gone. False: it released the lock meanwhile.
 *
 * @throws {OUTPUT_LOCKED} when it is alive
 */
async function isDead(holder: LockContent, path: string, options: LockOptions): Promise<boolean> {
  const { processes, disk, clock, signal, onWaiting } = options;
  const life = processes.lifeOf(holder);
  if (life === "dead") return true;
  // A process outlives its locks, and a failing disk may keep the file of one that it released.
  const isOwn = isSameProcess(holder, processes.own());
  if (life === "alive" && !isOwn) throw heldBy(holder, path, "here");
  const { host, pid } = holder;
  const looks = Math.ceil(SILENCE_MS / LOOK_MS);
  onWaiting?.(
    isOwn
      ? `waiting ${SILENCE_MS / 1000} s to see whether this process itself is at work on this output: ` +
          "its own lock is there, which may be left over"
      : `waiting ${SILENCE_MS / 1000} s to see whether process ${pid} on ${host} is alive, which was at work on this output: ` +
          "it is of another container, boot or machine, so only its silence can tell",
  );
  const beatPath = join(dirname(path), BEAT_NAME);
  const before = await readBeat(beatPath, disk);
  // Looks are counted, not time: a process that was stopped itself has not looked.
  for (let look = 0; look < looks; look += 1) {
    await sleepBy(clock, LOOK_MS, signal);
    if ((await readLock(path, disk))?.nonce !== holder.nonce) return false;
    if ((await readBeat(beatPath, disk)) !== before) throw heldBy(holder, path, isOwn ? "here" : "elsewhere");
  }
  return true;
}
