import { existsSync } from "node:fs";
import { mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { NEVER } from "../../../../shared/core/abort.ts";
import { type Disk, realDisk } from "../../../../shared/core/disk.ts";
import { systemRandom } from "../../../../shared/core/random.ts";
import { parseLocation } from "../../../../shared/domain/location.ts";
import { createLocalStorage } from "../../../../shared/storage/local.ts";
import { linkLocal } from "../../../../shared/storage/local-put.ts";
import { sourceOfBytes } from "../../../../shared/storage/put-source.ts";

/** Another file system than the temp folder's on most Linux machines, so that the bytes must be copied. */
const OTHER_DEVICE = existsSync("/dev/shm") ? "/dev/shm" : tmpdir();

const LINKLESS: Disk = {
  ...realDisk,
  link: () => Promise.reject(Object.assign(new Error("no links"), { code: "ENOTSUP" })),
};

let here: string;
let there: string;
beforeEach(async () => {
  here = await mkdtemp(join(tmpdir(), "shardmill-link-"));
  there = await mkdtemp(join(OTHER_DEVICE, "shardmill-link-"));
  await writeFile(join(here, "a"), "bytes");
});
afterEach(async () => {
  for (const folder of [here, there]) await rm(folder, { recursive: true, force: true });
});

/** Returns the folders for tests. A disk without links reports that before it checks the target's device. */
function foldersOf(disk: Disk): readonly string[] {
  return disk === realDisk ? [here, there] : [here];
}

describe.each([
  ["with hard links", realDisk],
  ["without hard links", LINKLESS],
])("a second name for a file, %s", (_which, disk) => {
  const local = { disk, random: systemRandom };

  test("has the bytes on the same and on another file system, and the source is kept", async () => {
    for (const folder of foldersOf(disk)) {
      await linkLocal(join(here, "a"), join(folder, "b"), local);
      expect(await readFile(join(folder, "b"), "utf8")).toBe("bytes");
      expect(await readFile(join(here, "a"), "utf8")).toBe("bytes");
    }
    expect((await readdir(here)).sort()).toEqual(["a", "b"]);
    for (const folder of foldersOf(disk).slice(1)) expect(await readdir(folder)).toEqual(["b"]);
  });

  test("is refused if the name exists already", async () => {
    for (const folder of [here, there]) {
      await writeFile(join(folder, "b"), "mine");
      const linked = linkLocal(join(here, "a"), join(folder, "b"), local);
      await expect(linked).rejects.toMatchObject({ code: "EEXIST" });
      expect(await readFile(join(folder, "b"), "utf8")).toBe("mine");
    }
    expect(await readdir(there)).toEqual(["b"]);
  });
});

/** Returns a disk on which one call fails with this code. */
function failing(code: string, changes: (error: Error) => Partial<Disk>): Disk {
  return { ...realDisk, ...changes(Object.assign(new Error(`${code}: by plan`), { code })) };
}

test("a name that cannot be checked does not count as free, and its file is not replaced", async () => {
  await writeFile(join(here, "b"), "mine");
  const disk = failing("EIO", (error) => ({ link: LINKLESS.link, lstat: () => Promise.reject(error) }));
  await expect(
    linkLocal(join(here, "a"), join(here, "b"), { disk, random: systemRandom }),
  ).rejects.toMatchObject({ code: "EIO" });
  expect(await readFile(join(here, "b"), "utf8")).toBe("mine");
});

test.each([[true], [false]])(
  "a failed put reports its first error even if the cleanup fails (if absent: %s)",
  async (ifAbsent) => {
    const disk = failing("EIO", (error) => ({
      rename: () => Promise.reject(Object.assign(new Error("full"), { code: "ENOSPC" })),
      link: () => Promise.reject(Object.assign(new Error("full"), { code: "ENOSPC" })),
      unlink: () => Promise.reject(error),
    }));
    await using storage = createLocalStorage({ disk });
    await expect(
      storage.put(parseLocation(join(here, "b")), sourceOfBytes("bytes"), { ifAbsent, signal: NEVER }),
    ).rejects.toMatchObject({ fields: { errno: "ENOSPC" } });
  },
);

test("files are put into a folder below one that cannot be read", async () => {
  const disk = failing("EACCES", (error) => ({
    open: (path, flags) => (path === here ? Promise.reject(error) : realDisk.open(path, flags)),
  }));
  await using storage = createLocalStorage({ disk });
  await storage.put(parseLocation(join(here, "folder", "b")), sourceOfBytes("bytes"), { signal: NEVER });
  expect(await readFile(join(here, "folder", "b"), "utf8")).toBe("bytes");
});

test("a read during a replacement does not affect the bytes of later reads", async () => {
  const b = parseLocation(join(here, "b"));
  await writeFile(b, "old");
  const disk: Disk = {
    ...realDisk,
    rename: async (from, to) => {
      await storage.read(b, 0, 3, { signal: NEVER });
      await realDisk.rename(from, to);
    },
  };
  await using storage = createLocalStorage({ disk });
  await storage.put(b, sourceOfBytes("new"), { signal: NEVER });
  expect(Buffer.from(await storage.read(b, 0, 3, { signal: NEVER })).toString()).toBe("new");
});
