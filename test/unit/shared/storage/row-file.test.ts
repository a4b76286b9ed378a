import { describe, expect, it } from "vitest";
import { ShardmillError } from "../../../../shared/core/errors.ts";
import { parseLocation } from "../../../../shared/domain/location.ts";
import { MemoryStorage, type StorageCall } from "../../../../shared/storage/memory.ts";
import { Storages } from "../../../../shared/storage/open-storage.ts";
import { sourceOfBytes } from "../../../../shared/storage/put-source.ts";
import { readRowFile } from "../../../../shared/storage/row-file.ts";

const maxBytes = 256 * 1024 * 1024;
const folder = parseLocation("/photos");
const { signal } = new AbortController();

async function storagesWith(before: (call: StorageCall) => Promise<void> = async () => {}) {
  const storage = new MemoryStorage({ before });
  await storage.put(parseLocation("/photos/a b/cat.jpg"), sourceOfBytes(Uint8Array.of(1, 2, 3)));
  return new Storages({ file: async () => storage });
}

describe("readRowFile", () => {
  it.each(["a b/cat.jpg", "/photos/a b/cat.jpg"])("reads %s", async (name) => {
    const found = await readRowFile(await storagesWith(), name, { folder, maxBytes, signal });
    expect(found).toEqual({ kind: "bytes", bytes: Uint8Array.of(1, 2, 3) });
  });

  it.each([
    ["dog.jpg", /^cannot be read: /],
    ["s3://photos/cat.jpg", /^cannot be read: .*nothing opens s3/],
    ["", /^is named "", which is no path/],
    ["ftp://example.com/cat.jpg", /^is named "ftp:/],
  ])("refuses %s", async (name, why) => {
    const found = await readRowFile(await storagesWith(), name, { folder, maxBytes, signal });
    expect(found).toEqual({ kind: "refused", why: expect.stringMatching(why) });
  });

  it("throws what is the place's fault, which may be mended", async () => {
    const broken = new ShardmillError("STORE_FAILED", "the disk is gone");
    const storages = await storagesWith(async ({ call }) => {
      if (call === "read") throw broken;
    });
    await expect(readRowFile(storages, "a b/cat.jpg", { folder, maxBytes, signal })).rejects.toBe(broken);
  });
});
