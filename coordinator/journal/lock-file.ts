import { basename, join } from "node:path";
import type { Disk } from "../../shared/core/disk.ts";
import { errorCode } from "../../shared/core/errno.ts";
import { ShardmillError } from "../../shared/core/errors.ts";
import { lacksHardLinks } from "../../shared/core/hard-link.ts";
import type { ProcessIdentity } from "../../shared/core/process-identity.ts";

export interface LockContent extends ProcessIdentity {
  /** Random nonce, so that no two locks are equal, even of one process. */
  readonly nonce: string;
}

/** Name of the lock file in a job's work folder. */
export const LOCK_NAME = "lock.json";

/** Name of the heartbeat file in the same folder. Its holder changes it to show that it runs. */
export const BEAT_NAME = "lock.beat";

const OWN_PREFIX = `${LOCK_NAME}.own-`;

/** Returns the name of the folder that only the holder with this nonce uses. */
export function ownName(nonce: string): string {
  return `${OWN_PREFIX}${nonce}`;
}

/**
 * Checks whether a name in the work folder belongs to the lock. Such files stay until the lock is released,
 * even when all others are removed.
 */
export function isOfLock(name: string): boolean {
  return name === LOCK_NAME || name === BEAT_NAME || name.startsWith(OWN_PREFIX);
}

/**
 * Reads a lock. Null: there is none. A partly written lock has an unknown holder: without hard links, the
 * file exists before its content does.
 *
 * @throws {OUTPUT_LOCKED} when the file is no lock
 */
export async function readLock(path: string, disk: Disk): Promise<LockContent | null> {
  const text = await textOf(path, disk);
  if (text === null) return null;
  const content = parseLock(text);
  if (content !== null) return content;
  throw new ShardmillError("OUTPUT_LOCKED", `the lock ${path} cannot be read`, {
    fields: { path },
    hint: "if no coordinator runs on this output, delete the file",
  });
}

/** Reads a holder's heartbeat. Null: the holder has not written one yet. */
export function readBeat(path: string, disk: Disk): Promise<string | null> {
  return textOf(path, disk);
}

/** @param where `here`: the holder's process was seen running. `elsewhere`: only its heartbeats were seen. */
export function heldBy(
  { host, pid, pidNamespace }: Pick<LockContent, "host" | "pid" | "pidNamespace">,
  path: string,
  where: "here" | "elsewhere",
): ShardmillError {
  return new ShardmillError("OUTPUT_LOCKED", `process ${pid} on ${host} is at work on this output`, {
    fields: { path, host, pid, pidNamespace },
    hint:
      where === "here"
        ? "wait for it, or stop it, then run again"
        : "wait for it, or stop it: it renews its lock from another container or machine",
  });
}

async function textOf(path: string, disk: Disk): Promise<string | null> {
  try {
    return (await disk.readFile(path)).toString("utf8");
  } catch (error) {
    if (errorCode(error) === "ENOENT") return null;
    throw error;
  }
}

export function parseLock(text: string): LockContent | null {
  let found: Partial<LockContent> | null;
  try {
    found = JSON.parse(text);
  } catch {
    return halfWritten(text.length);
  }
  const { host, pid, bootId, pidNamespace, startTicks, nonce } = found ?? {};
  if (typeof host !== "string" || typeof pid !== "number" || typeof nonce !== "string") return null;
  // Lock of a version that did not renew its locks, so its silence proves nothing.
  if (pidNamespace === undefined) return null;
  return { host, pid, nonce, pidNamespace, bootId: bootId ?? null, startTicks: startTicks ?? null };
}

function halfWritten(length: number): LockContent {
  const nonce = `half-written-${length}`;
  return { host: "an unknown host", pid: 0, bootId: null, pidNamespace: null, startTicks: null, nonce };
}

/**
 * Gives a lock file a second name. False: a file of that name exists.
 *
 * Without hard links the file is created exclusively, and written afterwards. A reader in between finds a
 * lock of an unknown holder, and waits. All else is as safe: `wx` fails when the file exists, even if two
 * processes create it at once.
 */
export async function placeLock(from: string, to: string, disk: Disk): Promise<boolean> {
  try {
    await disk.link(from, to);
    return true;
  } catch (error) {
    if (errorCode(error) === "EEXIST") return false;
    if (!lacksHardLinks(error)) throw error;
  }
  const text = (await disk.readFile(from)).toString("utf8");
  try {
    await writeDurably(to, text, disk);
    return true;
  } catch (error) {
    if (errorCode(error) === "EEXIST") return false;
    throw error;
  }
}

export async function writeDurably(path: string, text: string, disk: Disk): Promise<void> {
  const file = await disk.open(path, "wx");
  try {
    await file.write(Buffer.from(text, "utf8"));
    await file.sync();
  } finally {
    await file.close();
  }
}

/** Makes an own folder, unless it exists. */
export async function makeOwn(own: string, disk: Disk): Promise<void> {
  await disk.mkdir(own).catch((error: unknown) => {
    if (errorCode(error) !== "EEXIST") throw error;
  });
}

/**
 * Removes a lock that still has this nonce, by one rename into the remover's own folder. The next process
 * that takes the lock removes that folder. So a remover that was stopped before the rename removes no other
 * lock.
 *
 * @param own folder of the remover, made before the lock is read
 * @throws ENOENT when another process has removed the lock, or the folder
 */
export async function removeLock(path: string, nonce: string, own: string, disk: Disk): Promise<void> {
  await makeOwn(own, disk);
  if ((await readLock(path, disk))?.nonce !== nonce) return;
  const removed = join(own, `${basename(path)}.${nonce}`);
  await disk.rename(path, removed);
  // Another process may have taken the lock between the read and the rename, before it removed the folder.
  // Its lock is put back.
  const found = await readLock(removed, disk);
  if (found?.nonce !== nonce) await placeLock(removed, path, disk);
  await disk.unlink(removed);
}
