import { expect, test } from "vitest";
import { probeStore } from "../../../../coordinator/publish/probe-store.ts";
import { NEVER } from "../../../../shared/core/abort.ts";
import { systemRandom } from "../../../../shared/core/random.ts";
import { type Location, parseLocation } from "../../../../shared/domain/location.ts";
import { MemoryStorage } from "../../../../shared/storage/memory.ts";
import type { PutOptions, PutSource, StoredFile } from "../../../../shared/storage/storage.ts";

const FOLDER = parseLocation("s3://bucket/out/_shardmill/run-0");

/** A store without conditional puts. */
class Replacing extends MemoryStorage {
  override put(
    location: Location,
    source: PutSource,
    options: PutOptions = { signal: NEVER },
  ): Promise<StoredFile> {
    return super.put(location, source, { ...options, ifAbsent: false });
  }
}

test("a store that replaces existing files is refused, and the probe is removed", async () => {
  const storage = new Replacing();
  await expect(probeStore(storage, FOLDER, systemRandom)).rejects.toMatchObject({
    code: "OUTPUT_FAILED",
    fields: { found: "replaced" },
  });
  expect(await storage.kindAt(FOLDER, NEVER)).toBeNull();
});

test("each probe of a store uses a name of its own and is removed", async () => {
  const names = new Set<Location>();
  const storage = new MemoryStorage({
    before: async ({ call, location }) => void (call === "put" && names.add(location)),
  });
  await probeStore(storage, FOLDER, systemRandom);
  await probeStore(storage, FOLDER, systemRandom);
  expect(names.size).toBe(2);
  expect(await storage.kindAt(FOLDER, NEVER)).toBeNull();
});
