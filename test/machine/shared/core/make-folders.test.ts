import { mkdir, mkdtemp, readdir, rm, stat, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { makeFolders } from "../../../../shared/core/make-folders.ts";

let root: string;
beforeEach(async () => {
  root = await mkdtemp(join(tmpdir(), "shardmill-folders-"));
});
afterEach(() => rm(root, { recursive: true, force: true }));

test("makeFolders creates missing folders and accepts existing ones", async () => {
  await mkdir(join(root, "a"));
  await makeFolders(join(root, "a", "b", "c"));
  await makeFolders(join(root, "a", "b", "c"));
  expect((await stat(join(root, "a", "b", "c"))).isDirectory()).toBe(true);
});

test("concurrent calls for the same folder all succeed", async () => {
  const path = join(root, "x", "y", "z");
  await Promise.all(Array.from({ length: 8 }, () => makeFolders(path)));
  expect((await stat(path)).isDirectory()).toBe(true);
});

test("a file in the path is an error, at its end or before", async () => {
  await writeFile(join(root, "file"), "");
  await expect(makeFolders(join(root, "file"))).rejects.toMatchObject({ code: "EEXIST" });
  await expect(makeFolders(join(root, "file", "a"))).rejects.toMatchObject({ code: "ENOTDIR" });
});

test.runIf(process.platform === "linux")(
  "a file system that refuses new folders is an error, not an endless retry",
  async () => {
    await expect(makeFolders("/proc/shardmill/a/b")).rejects.toMatchObject({ code: "ENOENT" });
  },
);

test("makeFolders does not create the folder of a lock, nor folders below a missing one", async () => {
  const own = join(root, "lock.json.own-0123456789abcdef01234567");
  for (const path of [join(own, "stage"), join(own, "stage", "rows")])
    await expect(makeFolders(path)).rejects.toMatchObject({ code: "ENOENT" });
  await mkdir(own);
  await makeFolders(join(own, "stage", "rows"));
  expect(await readdir(join(own, "stage"))).toEqual(["rows"]);
});
