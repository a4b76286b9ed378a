import { mkdtemp, readdir, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { messageOf, ShardmillError } from "./errors.ts";
import { ownIdentity, type ProcessIdentity, processState } from "./process-identity.ts";

/**
 * Makes a folder in `base` for this process alone, which the name identifies. The caller removes the folder.
 * Folders of killed processes are removed here, so that none accumulate on a node. Removes only folders of
 * this user's processes that are visibly gone. Other users, containers and machines may share `base`.
 *
 * @param kind purpose, as part of the name
 * @throws {TEMP_FAILED} when no folder can be made
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
        hint: "set TMPDIR to a writable folder with free space",
        cause,
      },
    );
  }
}

/** Runs `work` with a new folder of {@link makeTempFolder}, then removes the folder. */
export async function withTempFolder<T>(kind: string, work: (folder: string) => Promise<T>): Promise<T> {
  const folder = await makeTempFolder(kind);
  try {
    return await work(folder);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

/** Removes folders of processes that are gone. Skips whatever cannot be listed, judged or removed. */
async function sweep(kind: string, base: string, own: ProcessIdentity): Promise<void> {
  const prefix = prefixOf(kind, own);
  for (const name of await readdir(base).catch(() => [])) {
    if (!name.startsWith(prefix)) continue;
    const [, pid, ticks] = /^(\d+)-(\d+)-/.exec(name.slice(prefix.length)) ?? [];
    if (pid === undefined || ticks === undefined) continue;
    const maker = { ...own, pid: Number(pid), startTicks: ticks === "0" ? null : ticks };
    if (processState(maker, own) === "exited")
      await rm(join(base, name), { recursive: true, force: true }).catch(() => {});
  }
}

/** Returns a name's prefix: the facts that make process numbers comparable, and the user who owns it. */
function prefixOf(kind: string, { host, bootId, pidNamespace }: ProcessIdentity): string {
  const boot = (bootId ?? "").slice(0, 8);
  return `shardmill-${kind}-${process.getuid?.() ?? "user"}-${host}-${boot}-${pidNamespace ?? "unknown"}-`;
}
