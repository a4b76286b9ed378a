import { dirname, join } from "node:path";
import { type Disk, realDisk } from "../../shared/core/disk.ts";
import { messageOf, ShardmillError } from "../../shared/core/errors.ts";
import { makeFolders } from "../../shared/core/make-folders.ts";
import { type Random, systemRandom } from "../../shared/core/random.ts";
import { type Processes, type ProcessIdentity, systemProcesses } from "./process-identity.ts";

interface LockContent extends ProcessIdentity {
  /** Random: no two locks are equal, not even of one process. */
  readonly nonce: string;
}

/** The lock file's name in a job's work folder. */
export const LOCK_NAME = "lock.json";

/** Tries against others that come and go at the same moment: each lost try means that somebody else moved on. */
const MAX_TRIES = 32;

/** What a lock rests on. */
export interface LockSeams {
  readonly disk: Disk;
  readonly random: Random;
  readonly processes: Processes;
}

const SYSTEM: LockSeams = { disk: realDisk, random: systemRandom, processes: systemProcesses };

/**
 * The right to run the job in `folder` (made if missing): held until it is disposed of, or its process is dead. The lock of
 * a dead process of this machine is taken over.
 *
 * @throws {OUTPUT_LOCKED} when a live process, or one of another machine, holds it
 * @throws {OUTPUT_FAILED} when the folder cannot hold a lock
 */
export async function acquireLock(folder: string, seams: LockSeams = SYSTEM): Promise<AsyncDisposable> {
  const path = join(folder, LOCK_NAME);
  for (let tries = 1; ; tries += 1) {
    try {
      return await lock(folder, path, seams);
    } catch (cause) {
      if (cause instanceof ShardmillError) throw cause;
      // Whoever ended here just now removed the folder, and with it what was being made.
      if (hasCode(cause, "ENOENT") && tries < MAX_TRIES) continue;
      throw new ShardmillError(
        "OUTPUT_FAILED",
        `the output folder cannot be written to: ${messageOf(cause)}`,
        {
          fields: { path },
          cause,
          hint: "choose an output.path that can be written to, on a file system with hard links",
        },
      );
    }
  }
}

async function lock(folder: string, path: string, seams: LockSeams): Promise<AsyncDisposable> {
  const { disk, random, processes } = seams;
  const content: LockContent = { ...processes.own(), nonce: random.hex(12) };
  const making = join(folder, `${LOCK_NAME}.${content.nonce}.tmp`);
  try {
    // The names above are as much the journal's as its own.
    await makeFolders(dirname(folder), disk);
    await makeFolders(folder, disk);
    await writeDurably(making, JSON.stringify(content), disk);
    await take(path, making, seams);
  } finally {
    await disk.unlink(making).catch(() => {});
  }
  return { [Symbol.asyncDispose]: () => release(path, content.nonce, disk) };
}

/**
 * Links `making` to `path`; clears a dead holder away first.
 *
 * Law: the file of nonce N is removed by its owner, or by who holds `lock.json.claim-N`, and the owner is dead. So whoever
 * holds the claim and still finds N can remove it, and nobody's fresh lock is ever removed by mistake. A claim is a lock
 * itself: that of a dead claimer is cleared in the same way.
 */
async function take(path: string, making: string, seams: LockSeams): Promise<void> {
  const { disk, processes } = seams;
  for (let tries = 0; tries < MAX_TRIES; tries += 1) {
    if (await linked(making, path, disk)) return;
    const holder = await readLock(path, disk);
    if (holder === null) continue;
    if (!processes.isSurelyDead(holder)) throw locked(path, holder, processes);
    const claim = `${path}.claim-${holder.nonce}`;
    await take(claim, making, seams);
    try {
      if ((await readLock(path, disk))?.nonce === holder.nonce) await disk.unlink(path);
    } finally {
      await disk.unlink(claim);
    }
  }
  throw new ShardmillError("OUTPUT_LOCKED", `others keep taking the lock ${path}`, {
    fields: { path },
    hint: "run the job once at a time",
  });
}

async function release(path: string, nonce: string, disk: Disk): Promise<void> {
  if ((await readLock(path, disk))?.nonce === nonce) await disk.unlink(path);
}

async function linked(from: string, to: string, disk: Disk): Promise<boolean> {
  try {
    await disk.link(from, to);
    return true;
  } catch (error) {
    if (hasCode(error, "EEXIST")) return false;
    throw error;
  }
}

/** Null when there is none. @throws {OUTPUT_LOCKED} when nobody can tell whose it is */
async function readLock(path: string, disk: Disk): Promise<LockContent | null> {
  let text: string;
  try {
    text = (await disk.readFile(path)).toString("utf8");
  } catch (error) {
    if (hasCode(error, "ENOENT")) return null;
    throw error;
  }
  const content = parseLock(text);
  if (content !== null) return content;
  throw new ShardmillError("OUTPUT_LOCKED", `the lock ${path} cannot be read`, {
    fields: { path },
    hint: "if no coordinator runs on this output, delete the file",
  });
}

function parseLock(text: string): LockContent | null {
  try {
    const { host, pid, bootId, startTicks, nonce }: Partial<LockContent> = JSON.parse(text);
    if (typeof host !== "string" || typeof pid !== "number" || typeof nonce !== "string") return null;
    return { host, pid, nonce, bootId: bootId ?? null, startTicks: startTicks ?? null };
  } catch {
    return null;
  }
}

function locked(path: string, { host, pid }: LockContent, processes: Processes): ShardmillError {
  const own = processes.own().host === host;
  return new ShardmillError("OUTPUT_LOCKED", `process ${pid} on ${host} is at work on this output`, {
    fields: { path, host, pid },
    hint: own
      ? "wait for it, or stop it, then run again"
      : `if it no longer runs there, delete ${path}; from here that cannot be seen`,
  });
}

async function writeDurably(path: string, text: string, disk: Disk): Promise<void> {
  const file = await disk.open(path, "wx");
  try {
    await file.write(Buffer.from(text, "utf8"));
    await file.sync();
  } finally {
    await file.close();
  }
}

function hasCode(error: unknown, code: string): boolean {
  return error instanceof Error && "code" in error && error.code === code;
}
