import { expect, test } from "vitest";
import { Manifests } from "../../../extensions/flight/manifests.ts";
import { NO_STORES } from "../../../shared/domain/job-stores.ts";
import { parseLocation } from "../../../shared/domain/location.ts";
import { Storages } from "../../../shared/storage/open-storage.ts";
import type { Storage } from "../../../shared/storage/storage.ts";

test("reading a manifest stops when its caller cancels", async () => {
  const caller = new AbortController();
  const gone = new Error("the caller cancelled");
  const storage = {
    stat: async () => ({ bytes: 2, version: "1" }),
    read: async (_location, _start, _end, { signal }) => {
      caller.abort(gone);
      signal.throwIfAborted();
      return Buffer.from("{}");
    },
  } satisfies Pick<Storage, "stat" | "read">;
  const storages = new Storages({ file: async () => storage as unknown as Storage });
  const manifests = new Manifests({ of: () => storages });
  const place = { output: parseLocation("/out"), stores: NO_STORES };
  await expect(manifests.of(place, caller.signal)).rejects.toBe(gone);
});
