import { afterAll, beforeAll, expect, test } from "vitest";
import { NEVER } from "../../../shared/core/abort.ts";
import type { TimedClock } from "../../../shared/core/clock.ts";
import { parseLocation } from "../../../shared/domain/location.ts";
import { error, type FaultyS3, range, says, startFaultyS3 } from "../../support/faulty-s3.ts";

/** Credentials that a store accepted, and refuses for a while. */

let store: FaultyS3;
beforeAll(async () => {
  store = await startFaultyS3();
});
afterAll(async () => {
  await store[Symbol.asyncDispose]();
});

const object = parseLocation("s3://bucket/a.bin");

/** Returns a clock on which a pause ends at once. */
function quickClock() {
  const time = { nowMs: 0 };
  const clock: TimedClock = {
    nowMs: () => time.nowMs,
    wallMs: () => Date.now(),
    after(ms, call) {
      time.nowMs += ms;
      setImmediate(call);
      return () => {};
    },
  };
  return { clock, time };
}

test.each([
  ["ExpiredToken", 400],
  ["InvalidAccessKeyId", 403],
  ["SignatureDoesNotMatch", 403],
])("%s for a few seconds delays concurrent readers, and all of them succeed", async (code, status) => {
  const { clock, time } = quickClock();
  const { storage, requested } = store.open(clock);
  await using _open = storage;
  store.answers("/bucket/a.bin", range);
  await storage.read(object, 0, 5, { signal: NEVER });
  let refused = 0;
  store.answers("/bucket/a.bin", (request, response) => {
    if (time.nowMs > 10_000) return range(request, response);
    refused += 1;
    says(status, error(code))(request, response);
  });
  const readers = Array.from({ length: 20 }, () => storage.read(object, 0, 5, { signal: NEVER }));
  const all = await Promise.all(readers);
  expect(new Set(all.map((bytes) => Buffer.from(bytes).toString()))).toEqual(new Set(["01234"]));
  // Each round refused all of them, and looked up credentials once.
  expect(refused).toBeGreaterThan(20);
  expect(requested() - 1).toBeLessThanOrEqual(10);
});

test("credentials that stay rejected fail with STORE_REFUSED and the time of the retries", async () => {
  const { clock, time } = quickClock();
  const { storage } = store.open(clock);
  await using _open = storage;
  store.answers("/bucket/a.bin", range);
  await storage.read(object, 0, 5, { signal: NEVER });
  store.answers("/bucket/a.bin", says(403, error("InvalidAccessKeyId")));
  const failure = await storage.read(object, 0, 5, { signal: NEVER }).catch((reason: unknown) => reason);
  expect(failure).toMatchObject({
    code: "STORE_REFUSED",
    message: expect.stringMatching(
      /answers InvalidAccessKeyId .* \(requested as access key KEY\d+, retried for 6\d s\)$/,
    ),
    fields: { variable: "AWS_ACCESS_KEY_ID", refusedForSeconds: expect.any(Number) },
  });
  expect(time.nowMs).toBeLessThan(70_000);
  // The wait happens once. A later caller receives the error at once.
  const { nowMs } = time;
  await expect(storage.read(object, 0, 5, { signal: NEVER })).rejects.toMatchObject({
    code: "STORE_REFUSED",
  });
  expect(time.nowMs).toBe(nowMs);
  store.answers("/bucket/a.bin", range);
  await storage.read(object, 0, 5, { signal: NEVER });
});

test("a caller that was never accepted, or may not read the object, is refused at once", async () => {
  const { clock, time } = quickClock();
  const never = store.open(clock);
  await using _never = never.storage;
  store.answers("/bucket/a.bin", says(403, error("InvalidAccessKeyId")));
  await expect(never.storage.read(object, 0, 5, { signal: NEVER })).rejects.toMatchObject({
    code: "STORE_REFUSED",
  });
  expect(never.requested()).toBe(1);
  const other = store.open(clock);
  await using _other = other.storage;
  store.answers("/bucket/a.bin", range, says(403, error("AccessDenied")));
  await other.storage.read(object, 0, 5, { signal: NEVER });
  await expect(other.storage.read(object, 0, 5, { signal: NEVER })).rejects.toMatchObject({
    fields: { reason: "AccessDenied" },
  });
  expect([other.requested(), time.nowMs]).toEqual([1, 0]);
});
