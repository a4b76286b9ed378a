import { readdir, rm, stat } from "node:fs/promises";
import { join } from "node:path";
import { mapConcurrent } from "./map-concurrent.ts";

/** Limits of a cache folder, whose files or folders can be made again. */
export interface PruneLimits {
  /** Names of the cache's entries. Other files are ignored. */
  readonly name: RegExp;
  /** Names of half-made files whose makers may be gone. */
  readonly leftBehind: RegExp;
  readonly mostEntries: number;
  readonly mostAgeMs: number;
  /** Bytes of all entries together. Default: no limit. */
  readonly mostBytes?: number;
  /** Minimum age of a removal: younger entries stay, whatever the other limits. Default: 0. */
  readonly sparedMs?: number;
}

/** Age of an abandoned half-made file: a running writer adds to it more often. */
const LEFT_BEHIND_MS = 3_600_000;

/**
 * Removes too old entries from a cache, then the oldest beyond the other limits. Other processes may use it
 * at the same time.
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
    // A folder's own time does not change while a file in it grows, and a large file takes hours.
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

/** Returns the bytes and the last write of a file or folder. Vanished files count nothing. */
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
