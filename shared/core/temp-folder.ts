import { mkdtemp, readdir, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { messageOf, ShardmillError } from "./errors.ts";
import { lifeOf, ownIdentity, type ProcessIdentity } from "./process-identity.ts";

/**
 * A new folder in `base` for this process alone; the caller removes it. Its name says whose it is: those of
 * processes that were killed before they could remove theirs are removed here, so nothing piles up on a node.
 * Only those of this user whose death can be seen: `base` may be shared with other users, containers and
 * machines.
 *
 * @param kind what it is for, as part of its name
 * @throws {TEMP_FAILED} when there can be none
 */
export async function makeTempFolder(kind: string, base: string = tmpdir()): Promise<string> {
  const own = ownIdentity();
  await sweep(kind, base, own);
  try {
    return await mkdtemp(join(base, `${prefixOf(kind, own)}${own.pid}-${own.startTicks ?? 0}-`));
  } catch (cause) {
    throw new ShardmillError(
      "TEMP_FAILED",
      `no temporary folder can be made in ${base}: ${messageOf(cause)}`,
      {
        fields: { path: base },
        hint: "set TMPDIR to a folder that can be written to, and has room",
        cause,
      },
    );
  }
}

/** Runs `work` with a new folder, as {@link makeTempFolder} makes it, and removes that afterwards. */
export async function withTempFolder<T>(kind: string, work: (folder: string) => Promise<T>): Promise<T> {
  const folder = await makeTempFolder(kind);
  try {
    return await work(folder);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

/** Whatever cannot be listed, judged or removed stays: it is in nobody's way. */
async function sweep(kind: string, base: string, own: ProcessIdentity): Promise<void> {
  const prefix = prefixOf(kind, own);
  for (const name of await readdir(base).catch(() => [])) {
    if (!name.startsWith(prefix)) continue;
    const [, pid, ticks] = /^(\d+)-(\d+)-/.exec(name.slice(prefix.length)) ?? [];
    if (pid === undefined || ticks === undefined) continue;
    const maker = { ...own, pid: Number(pid), startTicks: ticks === "0" ? null : ticks };
    if (lifeOf(maker, own) === "dead")
      await rm(join(base, name), { recursive: true, force: true }).catch(() => {});
  }
}

/** All that must be equal for a process number to say something, and the user, who alone may remove it. */
function prefixOf(kind: string, { host, bootId, pidNamespace }: ProcessIdentity): string {
  const boot = (bootId ?? "").slice(0, 8);
  return `shardmill-${kind}-${process.getuid?.() ?? "user"}-${host}-${boot}-${pidNamespace ?? "unknown"}-`;
}
