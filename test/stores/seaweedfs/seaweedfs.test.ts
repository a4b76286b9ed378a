import { afterAll, beforeAll } from "vitest";
import { below } from "../../../shared/domain/location.ts";
import { placeOf } from "../../../shared/objects/object-place.ts";
import { sourceOfBytes } from "../../../shared/storage/put-source.ts";
import { storageContract } from "../../contract/storage-contract.ts";
import type { BucketServer } from "../../support/bucket-server.ts";
import { startSeaweedBucket } from "../../support/seaweed-server.ts";

/** A storage by another server's reading of S3 than versitygw's. */

let server: BucketServer;
beforeAll(async () => {
  server = await startSeaweedBucket();
}, 120_000);
afterAll(() => server[Symbol.asyncDispose]());

const bytes = Uint8Array.from({ length: 5_000 }, (_, index) => (index * 7) % 256);
let count = 0;

storageContract("SeaweedFS", async () => {
  const storage = server.storage();
  count += 1;
  const existing = below(server.bucket, `data-${count}`, "existing.bin");
  await storage.put(existing, sourceOfBytes(bytes));
  return {
    storage,
    existing: { location: existing, bytes },
    free: () => below(server.bucket, `made-${count++}`, "deeper", `file-${count}`),
    forbidden: null,
    mistaken: "\\",
    keepsFolders: true,
    bytesAt: (location) => server.kept(placeOf(location).key),
    cleanup: async () => {},
  };
});
