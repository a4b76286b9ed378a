import { mkdtemp, readdir, rm } from "node:fs/promises";
import { hostname, tmpdir } from "node:os";
import { join } from "node:path";

/**
 * A new folder in `base` for this process alone; the caller removes it. Its name says whose it is: those of processes of
 * this host that were killed before they could remove theirs are removed here, so nothing piles up on a node.
 *
 * @param kind what it is for, as part of its name
 */
export async function makeTempFolder(kind: string, base: string = tmpdir()): Promise<string> {
  // Another host's process ids say nothing here, and `base` may be shared.
  const own = `shardmill-${kind}-${hostname()}-`;
  for (const name of await readdir(base)) {
    const pid = name.startsWith(own) ? Number(/^(\d+)-/.exec(name.slice(own.length))?.[1]) : Number.NaN;
    if (Number.isInteger(pid) && !isAlive(pid)) await rm(join(base, name), { recursive: true, force: true });
  }
  return mkdtemp(join(base, `${own}${process.pid}-`));
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    // EPERM: it is there, and another user's.
    return error instanceof Error && "code" in error && error.code === "EPERM";
  }
}
