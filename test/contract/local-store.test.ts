import { mkdir, mkdtemp, readdir, readFile, rename, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { createLocalStore } from "../../shared/store/local-store.ts";
import { storeContract } from "./store-contract.ts";

const BYTES = Uint8Array.from({ length: 5_000 }, (_, index) => (index * 7) % 256);

storeContract("the local file system", async () => {
  const folder = await mkdtemp(join(tmpdir(), "shardmill-local-"));
  const store = createLocalStore();
  const path = join(folder, "existing.bin");
  await writeFile(path, BYTES);
  let count = 0;
  return {
    store,
    existing: { path, bytes: BYTES },
    freePath: () => join(folder, `made-${count}`, "deeper", `file-${count++}`),
    // What may not be touched depends on the user that runs this; root may touch everything.
    forbiddenPath: null,
    bytesAt: (put) => readFile(put),
    cleanup: async () => {
      await store[Symbol.asyncDispose]();
      await rm(folder, { recursive: true, force: true });
    },
  };
});

describe("the local store", () => {
  async function inFolder(test: (folder: string) => Promise<void>): Promise<void> {
    const folder = await mkdtemp(join(tmpdir(), "shardmill-local-"));
    try {
      await test(folder);
    } finally {
      await rm(folder, { recursive: true, force: true });
    }
  }

  it("leaves nothing beside the file, whether a put works or not", () =>
    inFolder(async (folder) => {
      await using store = createLocalStore();
      const source = join(folder, "source");
      await writeFile(source, "x");
      await store.putOnce(join(folder, "out", "a"), source);
      await store.putOnce(join(folder, "out", "a"), source).catch(() => {});
      await store.putOnce(join(folder, "out", "b"), join(folder, "nothing")).catch(() => {});
      expect(await readdir(join(folder, "out"))).toEqual(["a"]);
    }));

  it("says that a folder is no file", () =>
    inFolder(async (folder) => {
      await using store = createLocalStore();
      await mkdir(join(folder, "a"));
      await expect(store.stat(join(folder, "a"))).rejects.toMatchObject({ code: "STORE_FAILED" });
      await expect(store.readRange(join(folder, "a"), 0, 1)).rejects.toMatchObject({ code: "STORE_FAILED" });
    }));

  it("holds a bounded number of files open, and none once it is disposed", () =>
    inFolder(async (folder) => {
      const before = await openFilesIn(folder);
      const store = createLocalStore();
      for (let index = 0; index < 80; index += 1) {
        const path = join(folder, `file-${index}`);
        await writeFile(path, "0123456789");
        expect(Buffer.from(await store.readRange(path, 0, 4)).toString()).toBe("0123");
      }
      const during = await openFilesIn(folder);
      await store[Symbol.asyncDispose]();
      expect(before).toBe(0);
      expect(during).toBeLessThanOrEqual(32);
      expect(await openFilesIn(folder)).toBe(0);
    }));

  it("opens a file afresh after a read that failed", () =>
    inFolder(async (folder) => {
      await using store = createLocalStore();
      const path = join(folder, "a");
      await writeFile(path, "short");
      await expect(store.readRange(path, 0, 100)).rejects.toMatchObject({
        code: "STORE_FAILED",
        fields: { path, fileBytes: 5 },
      });
      await writeFile(join(folder, "b"), "longer than it was");
      await rename(join(folder, "b"), path);
      expect(Buffer.from(await store.readRange(path, 0, 6)).toString()).toBe("longer");
    }));
});

/** How many of this process's open files are in `folder`. */
async function openFilesIn(folder: string): Promise<number> {
  const { readlink } = await import("node:fs/promises");
  const names = await readdir("/proc/self/fd");
  const targets = await Promise.all(names.map((name) => readlink(`/proc/self/fd/${name}`).catch(() => "")));
  return targets.filter((target) => target.startsWith(folder)).length;
}
