import { NEVER } from "../../shared/core/abort.ts";
import { parseLocation } from "../../shared/domain/location.ts";
import { MemoryStorage } from "../../shared/storage/memory.ts";
import { sourceOfBytes } from "../../shared/storage/put-source.ts";
import { storageContract } from "./storage-contract.ts";

storageContract("a bucket in memory", async () => {
  const storage = new MemoryStorage();
  const bytes = Uint8Array.from({ length: 5_000 }, (_, index) => (index * 7) % 256);
  const location = parseLocation("s3://bucket/data/existing.bin");
  await storage.put(location, sourceOfBytes(bytes), { signal: NEVER });
  let count = 0;
  return {
    storage,
    existing: { location, bytes },
    free: () => parseLocation(`s3://bucket/made-${count}/deeper/file-${count++}`),
    forbidden: null,
    async bytesAt(put) {
      const { bytes: size } = await storage.stat(put, NEVER);
      return storage.read(put, 0, size, { signal: NEVER });
    },
    cleanup: async () => {},
  };
});
