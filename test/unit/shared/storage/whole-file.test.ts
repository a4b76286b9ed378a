import { expect, test } from "vitest";
import { storageByBucket } from "../../../../extensions/object-store/by-bucket.ts";
import { NEVER } from "../../../../shared/core/abort.ts";
import type { StoreSettings } from "../../../../shared/domain/job-stores.ts";
import { parseLocation } from "../../../../shared/domain/location.ts";
import { MemoryStorage } from "../../../../shared/storage/memory.ts";
import { sourceOfBytes } from "../../../../shared/storage/put-source.ts";
import type { Storage } from "../../../../shared/storage/storage.ts";
import { digestStored, readText } from "../../../../shared/storage/whole-file.ts";

const at = parseLocation("s3://a/x");

/** Returns a storage whose file is replaced by a longer one after its first stat. */
async function replacedOnce(): Promise<Storage> {
  let isDue = false;
  const storage = new MemoryStorage({
    before: async ({ call }) => {
      if (call !== "read" || !isDue) return;
      isDue = false;
      await storage.put(at, sourceOfBytes("longer"), { signal: NEVER });
    },
  });
  await storage.put(at, sourceOfBytes("old"), { signal: NEVER });
  isDue = true;
  return storage;
}

test("a text that is replaced during its read is read completely in its new version", async () => {
  expect(await readText(await replacedOnce(), at, NEVER)).toBe("longer");
});

test("the digest of a file that is replaced during its read fails with STORE_CHANGED", async () => {
  await expect(digestStored(await replacedOnce(), at, { signal: NEVER })).rejects.toMatchObject({
    code: "STORE_CHANGED",
  });
});

test("a copy between stores fails with STORE_CHANGED if the file is replaced during the copy", async () => {
  const source = await replacedOnce();
  const target = new MemoryStorage();
  const open = async (settings: StoreSettings) => (settings.anonymous === true ? target : source);
  const storage = storageByBucket(
    { scheme: "s3", can: target.can, open },
    { settings: { "s3://own": { anonymous: true } } },
  );
  const copy = storage.copy(at, parseLocation("s3://own/y"), NEVER);
  await expect(copy).rejects.toMatchObject({ code: "STORE_CHANGED" });
});
