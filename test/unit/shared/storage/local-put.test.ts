import { existsSync } from "node:fs";
import { mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { type Disk, realDisk } from "../../../../shared/core/disk.ts";
import { systemRandom } from "../../../../shared/core/random.ts";
import { linkLocal } from "../../../../shared/storage/local-put.ts";

/** Another file system than the temp folder's, on most Linux machines: there the bytes must be copied. */
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

/** A disk says that it has no links before it looks at where they would lead. */
function foldersOf(disk: Disk): readonly string[] {
  return disk === realDisk ? [here, there] : [here];
}

describe.each([
  ["with hard links", realDisk],
  ["without", LINKLESS],
])("a second name, %s", (_which, disk) => {
  const local = { disk, random: systemRandom };

  test("has the bytes on this and on another file system, and the source stays", async () => {
    for (const folder of foldersOf(disk)) {
      await linkLocal(join(here, "a"), join(folder, "b"), local);
      expect(await readFile(join(folder, "b"), "utf8")).toBe("bytes");
      expect(await readFile(join(here, "a"), "utf8")).toBe("bytes");
    }
    expect((await readdir(here)).sort()).toEqual(["a", "b"]);
    for (const folder of foldersOf(disk).slice(1)) expect(await readdir(folder)).toEqual(["b"]);
  });

  test("that is taken is never given away", async () => {
    for (const folder of [here, there]) {
      await writeFile(join(folder, "b"), "mine");
      const linked = linkLocal(join(here, "a"), join(folder, "b"), local);
      await expect(linked).rejects.toMatchObject({ code: "EEXIST" });
      expect(await readFile(join(folder, "b"), "utf8")).toBe("mine");
    }
    expect(await readdir(there)).toEqual(["b"]);
  });
});
