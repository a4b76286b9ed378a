import { readdir, rm, stat } from "node:fs/promises";
import { join } from "node:path";
import { mapConcurrent } from "./map-concurrent.ts";

/** What a folder of files, or of folders of them, that can be made again may hold. */
export interface PruneLimits {
  /** The files that are kept in it, by name: others are left alone. */
  readonly name: RegExp;
  /** Half-made files whose makers may be gone. */
  readonly leftBehind: RegExp;
  readonly mostEntries: number;
  readonly mostAgeMs: number;
  /** Of all entries together. Left out: any. */
  readonly mostBytes?: number;
  /** Younger entries stay, however many and large they are. Left out: none. */
  readonly sparedMs?: number;
}

/** No entry is written for this long: whoever wrote it was ended. */
const LEFT_BEHIND_MS = 3_600_000;

/**
 * Removes from a cache what is too old, and then the oldest of what is too many. Another process may be at
 * it, too.
 *
 * @param nowMs wall-clock time, as files have it
 */
export async function pruneFolder(folder: string, limits: PruneLimits, nowMs: number): Promise<void> {
  const { name: kept, leftBehind, mostEntries, mostAgeMs, mostBytes = Infinity, sparedMs = 0 } = limits;
  const names = (await readdir(folder)).filter((name) => kept.test(name) || leftBehind.test(name));
  const found = await mapConcurrent(names, 16, async (name) => {
    const path = join(folder, name);
    const mtimeMs = await stat(path).then(
      (stats) => stats.mtimeMs,
      () => null,
    );
    if (mtimeMs === null) return [];
    return [{ name, path, mtimeMs, bytes: limits.mostBytes === undefined ? 0 : await bytesBelow(path) }];
  });
  const newestFirst = found.flat().sort((a, b) => b.mtimeMs - a.mtimeMs);
  let sum = 0;
  const doomed = newestFirst.filter(({ name, mtimeMs, bytes }, index) => {
    const ageMs = nowMs - mtimeMs;
    if (leftBehind.test(name)) return ageMs > LEFT_BEHIND_MS;
    sum += bytes;
    if (ageMs < sparedMs) return false;
    return index >= mostEntries || sum > mostBytes || ageMs > mostAgeMs;
  });
  await Promise.all(doomed.map(({ path }) => rm(path, { recursive: true, force: true })));
}

/** Of a file, or of all files in a folder. What goes meanwhile has none. */
async function bytesBelow(path: string): Promise<number> {
  const names = await readdir(path, { recursive: true }).catch(() => [""]);
  const sizes = await mapConcurrent(names, 16, async (name) => {
    const stats = await stat(join(path, name)).catch(() => null);
    return stats?.isFile() === true ? stats.size : 0;
  });
  return sizes.reduce((all, bytes) => all + bytes, 0);
}
