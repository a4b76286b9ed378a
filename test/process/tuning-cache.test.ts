import { mkdir, mkdtemp, readdir, readFile, rm, utimes, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { openTuningCache, TuningFolder } from "../../worker/tuning/tuning-cache.ts";

const DAY_MS = 24 * 3_600_000;
const key = { model: "abc", lanes: 2 };
let base: string;
let folder: string;

beforeEach(async () => {
  base = await mkdtemp(join(tmpdir(), "shardmill-tuning-"));
  folder = join(base, "not", "there", "yet");
});
afterEach(() => rm(base, { recursive: true, force: true }));

const cacheAt = () => new TuningFolder(folder, Date.now);

/** Returns the path of the only file. */
async function onlyFile(): Promise<string> {
  const names = await readdir(folder);
  expect(names).toHaveLength(1);
  return join(folder, names[0] ?? "");
}

test("a stored value is found by another instance, with the fields of the key in any order", async () => {
  await cacheAt().remember(key, { units: 512 });
  expect(await cacheAt().recall({ lanes: 2, model: "abc" })).toEqual({ units: 512 });
  expect(await cacheAt().recall({ ...key, lanes: 1 })).toBeUndefined();
  await cacheAt().remember(key, { units: 1024 });
  expect(await cacheAt().recall(key)).toEqual({ units: 1024 });
  expect(JSON.parse(await readFile(await onlyFile(), "utf8"))).toEqual({ key, value: { units: 1024 } });
});

describe("a cache entry", () => {
  test.each([
    ["an empty file", ""],
    ["a truncated entry", '{"key": {"model": "abc", "la'],
    ["JSON that is not an entry", "[1, 2]"],
    ["another key's entry", '{"key": {"model": "xyz"}, "value": {"units": 1}}'],
    ["a file that is too large", " ".repeat(1 << 20)],
  ])("is ignored and can be replaced when it is %s", async (_what, text) => {
    await cacheAt().remember(key, { units: 512 });
    await writeFile(await onlyFile(), text);
    expect(await cacheAt().recall(key)).toBeUndefined();
    await cacheAt().remember(key, { units: 7 });
    expect(await cacheAt().recall(key)).toEqual({ units: 7 });
  });

  test("is missing when its path is a folder, or when its folder cannot be created", async () => {
    await cacheAt().remember(key, 1);
    const path = await onlyFile();
    await rm(path);
    await mkdir(path);
    expect(await cacheAt().recall(key)).toBeUndefined();
    await cacheAt().remember(key, 2);
    expect(await readdir(folder)).toHaveLength(1);
    await writeFile(join(base, "file"), "");
    const nowhere = new TuningFolder(join(base, "file", "tuning"), Date.now);
    await nowhere.remember(key, 1);
    expect(await nowhere.recall(key)).toBeUndefined();
  });

  test("is ignored when it is more than a week old, and the next entry removes it", async () => {
    await cacheAt().remember(key, 1);
    const before = new Date(Date.now() - 7.1 * DAY_MS);
    await utimes(await onlyFile(), before, before);
    expect(await cacheAt().recall(key)).toBeUndefined();
    await cacheAt().remember({ model: "other" }, 2);
    expect(await readFile(await onlyFile(), "utf8")).toContain("other");
  });
});

test("the oldest of too many entries are removed, and other files stay", async () => {
  await mkdir(folder, { recursive: true });
  const old = new Date(Date.now() - DAY_MS);
  await Promise.all(
    Array.from({ length: 520 }, async (_, index) => {
      const path = join(folder, `${String(index).padStart(32, "0")}.json`);
      await writeFile(path, "{}");
      await utimes(path, old, new Date(old.getTime() + index * 1_000));
    }),
  );
  await writeFile(join(folder, "notes.txt"), "mine");
  await writeFile(join(folder, `${"f".repeat(32)}.json.0000-11.new`), "half");
  await utimes(join(folder, `${"f".repeat(32)}.json.0000-11.new`), old, old);
  await cacheAt().remember(key, 1);
  const names = await readdir(folder);
  expect(names).toHaveLength(501);
  expect(names).toContain("notes.txt");
  expect(names).toContain(`${"519".padStart(32, "0")}.json`);
  expect(names).not.toContain(`${"0".repeat(32)}.json`);
  expect(names.some((name) => name.endsWith(".new"))).toBe(false);
  expect(await cacheAt().recall(key)).toBe(1);
});

test("concurrent instances lose no entry and leave no other file", async () => {
  await Promise.all(
    Array.from({ length: 40 }, (_, index) => cacheAt().remember({ index: index % 10 }, { units: index })),
  );
  expect(await readdir(folder)).toHaveLength(10);
  for (let index = 0; index < 10; index += 1)
    expect(await cacheAt().recall({ index })).toMatchObject({ units: expect.any(Number) });
});

test("the environment sets the folder of the tuning cache or turns the cache off", async () => {
  const env = { SHARDMILL_CACHE: base };
  await openTuningCache(env).remember(key, 5);
  expect(await readdir(join(base, "tuning"))).toHaveLength(1);
  expect(await openTuningCache(env).recall(key)).toBe(5);
  const off = openTuningCache({ ...env, SHARDMILL_TUNING: "off" });
  await off.remember(key, 6);
  expect(await off.recall(key)).toBeUndefined();
  expect(await openTuningCache(env).recall(key)).toBe(5);
});
