import { mkdir, mkdtemp, readdir, readFile, realpath, rename, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { NEVER } from "../../shared/core/abort.ts";
import { below, type Location, parseLocation } from "../../shared/domain/location.ts";
import { createLocalStorage } from "../../shared/storage/local.ts";
import { sourceOfBytes } from "../../shared/storage/put-source.ts";
import { storageContract } from "./storage-contract.ts";

const BYTES = Uint8Array.from({ length: 5_000 }, (_, index) => (index * 7) % 256);

async function makeFolder(): Promise<Location> {
  return parseLocation(await realpath(await mkdtemp(join(tmpdir(), "shardmill-local-"))));
}

storageContract("the local file system", async () => {
  const folder = await makeFolder();
  const location = below(folder, "data", "existing.bin");
  await mkdir(join(folder, "data"));
  await writeFile(location, BYTES);
  let count = 0;
  return {
    storage: createLocalStorage(),
    existing: { location, bytes: BYTES },
    free: () => below(folder, `made-${count}`, "deeper", `file-${count++}`),
    // Permissions depend on the user of this process. Root may access everything.
    forbidden: null,
    listsNoStatus: true,
    bytesAt: (put) => readFile(put),
    cleanup: () => rm(folder, { recursive: true, force: true }),
  };
});

describe("the local storage", () => {
  async function inFolder(test: (folder: Location) => Promise<void>): Promise<void> {
    const folder = await makeFolder();
    try {
      await test(folder);
    } finally {
      await rm(folder, { recursive: true, force: true });
    }
  }

  it("leaves no other file, whether a put succeeds or fails", () =>
    inFolder(async (folder) => {
      await using storage = createLocalStorage();
      const out = below(folder, "out");
      const ifAbsent = { ifAbsent: true, signal: NEVER };
      await storage.put(below(out, "a"), sourceOfBytes("x"), ifAbsent);
      await storage.put(below(out, "a"), sourceOfBytes("y"), ifAbsent).catch(() => {});
      await storage.put(below(out, "a"), sourceOfBytes("z"), { signal: NEVER });
      await storage
        .put(below(out, "b"), { ...sourceOfBytes("z"), bytes: 9 }, { signal: NEVER })
        .catch(() => {});
      await storage.copy(below(out, "nothing"), below(out, "c"), NEVER).catch(() => {});
      expect(await readdir(out)).toEqual(["a"]);
    }));

  it("does not create a parent folder that must exist", () =>
    inFolder(async (folder) => {
      await using storage = createLocalStorage();
      const within = below(folder, "partials");
      const put = () =>
        storage.put(below(within, "p", "rows"), sourceOfBytes("x"), { within, signal: NEVER });
      await expect(put()).rejects.toMatchObject({ code: "STORE_NOT_FOUND" });
      expect(await readdir(folder)).toEqual([]);
      await mkdir(within);
      await put();
      expect(await readdir(join(within, "p"))).toEqual(["rows"]);
    }));

  it("keeps at most 32 files open, and none once it is disposed", () =>
    inFolder(async (folder) => {
      const before = await openFilesIn(folder);
      const storage = createLocalStorage();
      for (let index = 0; index < 80; index += 1) {
        const location = below(folder, `file-${index}`);
        await writeFile(location, "0123456789");
        expect(Buffer.from(await storage.read(location, 0, 4, { signal: NEVER })).toString()).toBe("0123");
      }
      expect(before).toBe(0);
      // The oldest files are closed while others are read.
      await expect.poll(() => openFilesIn(folder)).toBeLessThanOrEqual(32);
      await storage[Symbol.asyncDispose]();
      expect(await openFilesIn(folder)).toBe(0);
    }));

  it("closes an idle file after `idleMs`, and opens it again for the next read", () =>
    inFolder(async (folder) => {
      await using storage = createLocalStorage({ idleMs: 10 });
      const location = below(folder, "a");
      await writeFile(location, "0123456789");
      await storage.read(location, 0, 4, { signal: NEVER });
      await expect.poll(() => openFilesIn(folder)).toBe(0);
      expect(Buffer.from(await storage.read(location, 0, 4, { signal: NEVER })).toString()).toBe("0123");
    }));

  it("opens a file again after a failed read", () =>
    inFolder(async (folder) => {
      await using storage = createLocalStorage();
      const location = below(folder, "a");
      await writeFile(location, "short");
      await expect(storage.read(location, 0, 100, { signal: NEVER })).rejects.toMatchObject({
        code: "STORE_FAILED",
        fields: { path: location, expected: 100, found: 5 },
      });
      await writeFile(join(folder, "b"), "longer than it was");
      await rename(join(folder, "b"), location);
      expect(Buffer.from(await storage.read(location, 0, 6, { signal: NEVER })).toString()).toBe("longer");
    }));

  it("shows the bytes of a name that is not UTF-8", () =>
    inFolder(async (folder) => {
      await using storage = createLocalStorage();
      const odd = Buffer.concat([Buffer.from(`${folder}/a`), Buffer.from([0xfc]), Buffer.from(".parquet")]);
      await writeFile(odd, "x");
      await writeFile(join(folder, "\uFFFD"), "x");
      const names: unknown[] = [];
      for await (const page of storage.list(folder, { signal: NEVER })) {
        for (const { name, unnameable } of page) names.push([name, unnameable]);
      }
      expect(names.sort()).toEqual([
        ["a\uFFFD.parquet", { shown: "a\\xfc.parquet", why: "its name is not UTF-8" }],
        ["\uFFFD", null],
      ]);
    }));
});

/** Returns how many of this process's open files are in `folder`. */
async function openFilesIn(folder: string): Promise<number> {
  const { readlink } = await import("node:fs/promises");
  const names = await readdir("/proc/self/fd");
  const targets = await Promise.all(names.map((name) => readlink(`/proc/self/fd/${name}`).catch(() => "")));
  return targets.filter((target) => target.startsWith(folder)).length;
}
