import { basename, join } from "node:path";
import type { Disk } from "../../shared/core/disk.ts";
import { errorCode } from "../../shared/core/errno.ts";
import { ShardmillError } from "../../shared/core/errors.ts";
import { lacksHardLinks } from "../../shared/core/hard-link.ts";
import type { ProcessIdentity } from "../../shared/core/process-identity.ts";

export interface LockContent extends ProcessIdentity {
  /** Random: no two locks are equal, not even of one process. */
  readonly nonce: string;
}

/** The lock file's name in a job's work folder. */
export const LOCK_NAME = "lock.json";

/** In the same folder: the file that a holder changes to show that it lives. */
export const BEAT_NAME = "lock.beat";

const OWN_PREFIX = `${LOCK_NAME}.own-`;

/** The name of the folder that only the holder of this nonce uses. */
export function ownName(nonce: string): string {
  return `${OWN_PREFIX}${nonce}`;
}

/**
 * Whether a name in the work folder is the lock's: those stay until it is let go of, whatever else is
 * removed.
 */
export function isOfLock(name: string): boolean {
  return name === LOCK_NAME || name === BEAT_NAME || name.startsWith(OWN_PREFIX);
}

/**
 * Null when there is none. One that is written only in part has an unknown holder: without hard links it is
 * there before its content is.
 *
 * @throws {OUTPUT_LOCKED} when it is something else
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

/** What a holder changes to show that it lives; null while it has not yet. */
export function readBeat(path: string, disk: Disk): Promise<string | null> {
  return textOf(path, disk);
}

/** @param where whether the holder was seen to be alive here, or only by its beats */
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
        : "it renews its lock, so it is alive, in another container or on another machine: wait for it, or stop it there",
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
  // Of a version that did not renew its locks: its silence says nothing.
  if (pidNamespace === undefined) return null;
  return { host, pid, nonce, pidNamespace, bootId: bootId ?? null, startTicks: startTicks ?? null };
}

function halfWritten(length: number): LockContent {
  const nonce = `half-written-${length}`;
  return { host: "an unknown host", pid: 0, bootId: null, pidNamespace: null, startTicks: null, nonce };
}

/**
 * Gives a lock file a second name. False: there is a file of that name.
 *
 * Without hard links the file is made exclusively, and then written: a reader in between finds a lock of an
 * unknown holder, and waits. Nothing else is weaker: `wx` fails where a file is, also when two make it at
 * once.
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

/** Makes an own folder, unless it is there. */
export async function makeOwn(own: string, disk: Disk): Promise<void> {
  await disk.mkdir(own).catch((error: unknown) => {
    if (errorCode(error) !== "EEXIST") throw error;
  });
}

/**
 * Removes a lock that is still of this nonce, in one step: to a name in the remover's own folder. The next
 * coordinator that takes the lock removes that folder. So a remover that was stopped before the step removes
 * no other's lock.
 *
 * @param own folder of the remover, made before the lock is looked at
 * @throws ENOENT when another has removed the lock, or the folder
 */
export async function removeLock(path: string, nonce: string, own: string, disk: Disk): Promise<void> {
  await makeOwn(own, disk);
  if ((await readLock(path, disk))?.nonce !== nonce) return;
  const removed = join(own, `${basename(path)}.${nonce}`);
  await disk.rename(path, removed);
  // Between that look and the step another may have taken it, who has not removed the folder yet.
  const found = await readLock(removed, disk);
  if (found?.nonce !== nonce) await placeLock(removed, path, disk);
  await disk.unlink(removed);
}
