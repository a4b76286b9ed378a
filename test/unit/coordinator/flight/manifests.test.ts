import { expect, test } from "vitest";
import { Manifests } from "../../../../coordinator/flight/manifests.ts";
import { parseLocation } from "../../../../shared/domain/location.ts";
import type { Storage } from "../../../../shared/storage/storage.ts";

test("a manifest is read no longer than its caller waits", async () => {
  const caller = new AbortController();
  const gone = new Error("gone");
  const storage = {
    stat: async () => ({ bytes: 2, version: "1" }),
    read: async (_location, _start, _end, signal) => {
      caller.abort(gone);
      signal?.throwIfAborted();
      return Buffer.from("{}");
    },
  } satisfies Pick<Storage, "stat" | "read">;
  const manifests = new Manifests({ at: async () => storage as unknown as Storage });
  await expect(manifests.of(parseLocation("/out"), caller.signal)).rejects.toBe(gone);
});
