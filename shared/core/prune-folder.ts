import { readdir, rm, stat } from "node:fs/promises";
import { join } from "node:path";
import { mapConcurrent } from "./map-concurrent.ts";

/** What a folder of files that can be made again may hold. */
export interface PruneLimits {
  /** The files that are kept in it, by name: others are left alone. */
  readonly name: RegExp;
  /** Half-made files whose makers may be gone. */
  readonly leftBehind: RegExp;
  readonly mostEntries: number;
  readonly mostAgeMs: number;
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
  const { name: kept, leftBehind, mostEntries, mostAgeMs } = limits;
  const names = (await readdir(folder)).filter((name) => kept.test(name) || leftBehind.test(name));
  const found = await mapConcurrent(names, 16, async (name) => {
    const path = join(folder, name);
    const mtimeMs = await stat(path).then(
      (stats) => stats.mtimeMs,
      () => null,
    );
    return mtimeMs === null ? [] : [{ name, path, mtimeMs }];
  });
  const newestFirst = found.flat().sort((a, b) => b.mtimeMs - a.mtimeMs);
  const doomed = newestFirst.filter(({ name, mtimeMs }, index) => {
    const mostMs = leftBehind.test(name) ? LEFT_BEHIND_MS : mostAgeMs;
    return index >= mostEntries || nowMs - mtimeMs > mostMs;
  });
  await Promise.all(doomed.map(({ path }) => rm(path, { force: true })));
}
