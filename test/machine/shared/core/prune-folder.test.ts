import { mkdir, mkdtemp, readdir, rm, utimes, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { type PruneLimits, pruneFolder } from "../../../../shared/core/prune-folder.ts";

const DAY_MS = 24 * 3_600_000;
const NOW_MS = Date.UTC(2026, 10, 27);
const LIMITS: PruneLimits = {
  name: /^kept-/,
  leftBehind: /^new-/,
  mostEntries: 4,
  mostAgeMs: 30 * DAY_MS,
  mostBytes: 100,
  sparedMs: DAY_MS,
};

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "shardmill-prune-"));
});
afterEach(() => rm(folder, { recursive: true }));

/** Makes a folder with two files, one of them deeper, or a single file. */
async function keep(name: string, days: number, bytes: number, isFolder = true): Promise<void> {
  const path = join(folder, name);
  if (isFolder) {
    await mkdir(join(path, "deep"), { recursive: true });
    await writeFile(join(path, "deep", "a"), "x".repeat(bytes - 1));
    await writeFile(join(path, "b"), "x");
  } else await writeFile(path, "x".repeat(bytes));
  await age(name, days, isFolder ? ["deep/a", "deep", "b", ""] : [""]);
}

async function age(name: string, days: number, below: readonly string[]): Promise<void> {
  const at = new Date(NOW_MS - days * DAY_MS);
  for (const one of below) await utimes(join(folder, name, one), at, at);
}

const left = async () => {
  await pruneFolder(folder, LIMITS, NOW_MS);
  return (await readdir(folder)).sort();
};

test("the oldest entries above the byte limit are removed, and recent entries are kept", async () => {
  await keep("kept-1", 0.5, 300);
  expect(await left()).toEqual(["kept-1"]);
  await keep("kept-2", 2, 10, false);
  expect(await left()).toEqual(["kept-1"]);
  await rm(join(folder, "kept-1"), { recursive: true });
  await keep("kept-3", 3, 60);
  await keep("kept-4", 4, 40);
  await keep("kept-5", 5, 1);
  expect(await left()).toEqual(["kept-3", "kept-4"]);
});

test("the oldest entries above the count or age limit are removed, and other names are kept", async () => {
  for (const day of [2, 3, 4, 5, 6]) await keep(`kept-${day}`, day, 2);
  await keep("other", 99, 200);
  expect(await left()).toEqual(["kept-2", "kept-3", "kept-4", "kept-5", "other"]);
  await keep("kept-9", 31, 2);
  await rm(join(folder, "kept-2"), { recursive: true });
  expect(await left()).toEqual(["kept-3", "kept-4", "kept-5", "other"]);
});

test("an unfinished entry is removed after an hour and does not count toward the limits", async () => {
  await keep("new-1", 1 / 25, 1_000);
  await keep("new-2", 1 / 23, 2);
  await keep("kept-2", 2, 50);
  expect(await left()).toEqual(["kept-2", "new-1"]);
});

test("an unfinished folder is kept while a file in it grows", async () => {
  await keep("new-1", 1, 10);
  await age("new-1", 1 / 48, ["deep/a"]);
  await keep("new-2", 1, 10);
  expect(await left()).toEqual(["new-1"]);
});
