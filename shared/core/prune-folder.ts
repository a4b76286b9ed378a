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
    const own = await stat(path).catch(() => null);
    if (own === null) return [];
    // A folder does not get younger while a file in it grows: a large one is fetched for hours.
    if (leftBehind.test(name)) return [{ name, path, bytes: 0, mtimeMs: (await lookBelow(path)).newestMs }];
    const bytes = limits.mostBytes === undefined ? 0 : (await lookBelow(path)).bytes;
    return [{ name, path, bytes, mtimeMs: own.mtimeMs }];
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

/** Of a file, or of a folder and all in it: its bytes, and when any was written last. What goes has none. */
async function lookBelow(path: string): Promise<{ readonly bytes: number; readonly newestMs: number }> {
  const names = await readdir(path, { recursive: true }).catch(() => []);
  let bytes = 0;
  let newestMs = 0;
  await mapConcurrent(["", ...names], 16, async (name) => {
    const stats = await stat(join(path, name)).catch(() => null);
    if (stats === null) return;
    if (stats.isFile()) bytes += stats.size;
    newestMs = Math.max(newestMs, stats.mtimeMs);
  });
  return { bytes, newestMs };
}
