import { expect, test } from "vitest";
import { NEVER } from "../../../../shared/core/abort.ts";
import { ShardmillError } from "../../../../shared/core/errors.ts";
import { parseLocation, viaCoordinator } from "../../../../shared/domain/location.ts";
import { workerSession } from "../../../../shared/domain/worker.ts";
import { createCoordinatorStorage } from "../../../../shared/storage/coordinator.ts";
import type { DataService } from "../../../../shared/wire/services.ts";
import { aJobId } from "../../../support/ids.ts";

const FILE = viaCoordinator(parseLocation("/a"));

/** Returns a coordinator that serves single bytes after some refusals, and counts concurrent reads. */
function aCoordinator(refusals: number, code: "RESOURCE_EXHAUSTED" | "STORE_NOT_FOUND") {
  const counts = { requested: 0, open: 0, most: 0 };
  const data: Pick<DataService, "readRange"> = {
    async *readRange({ start, end }) {
      counts.requested += 1;
      if (counts.requested <= refusals) throw new ShardmillError(code, "no");
      counts.open += 1;
      counts.most = Math.max(counts.most, counts.open);
      await new Promise((resolve) => setTimeout(resolve, 1));
      counts.open -= 1;
      yield new Uint8Array(end - start);
    },
  };
  const storage = createCoordinatorStorage({
    data: data as DataService,
    session: () => workerSession("s1"),
    jobId: aJobId("j1"),
  });
  return { storage, counts };
}

test("at most eight ranges are read at once, and all requested ranges are returned", async () => {
  const { storage, counts } = aCoordinator(0, "RESOURCE_EXHAUSTED");
  const read = await Promise.all(
    Array.from({ length: 50 }, (_, bytes) => storage.read(FILE, 0, bytes, { signal: NEVER })),
  );
  expect(read.map(({ length }) => length)).toEqual(Array.from({ length: 50 }, (_, bytes) => bytes));
  expect(counts.most).toBeLessThanOrEqual(8);
});

test("a busy coordinator is asked again, and any other refusal is final", async () => {
  const busy = aCoordinator(2, "RESOURCE_EXHAUSTED");
  expect(await busy.storage.read(FILE, 0, 3, { signal: NEVER })).toHaveLength(3);
  expect(busy.counts.requested).toBe(3);
  const missing = aCoordinator(2, "STORE_NOT_FOUND");
  await expect(missing.storage.read(FILE, 0, 3, { signal: NEVER })).rejects.toMatchObject({
    code: "STORE_NOT_FOUND",
  });
  expect(missing.counts.requested).toBe(1);
});

test("an abort ends a read that waits for a busy coordinator", async () => {
  const { storage } = aCoordinator(1_000, "RESOURCE_EXHAUSTED");
  const controller = new AbortController();
  const reading = storage.read(FILE, 0, 3, { signal: controller.signal });
  const reason = new Error("enough");
  setTimeout(() => controller.abort(reason), 20);
  await expect(reading).rejects.toBe(reason);
});
