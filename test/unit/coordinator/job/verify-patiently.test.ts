import { expect, test } from "vitest";
import { verifyPatiently } from "../../../../coordinator/job/verify-patiently.ts";
import type { ErrorCode } from "../../../../shared/core/error-codes.ts";
import { ShardmillError } from "../../../../shared/core/errors.ts";
import { parseLocation } from "../../../../shared/domain/location.ts";
import { manualClock } from "../../../support/builders.ts";

const abort = new AbortController();

/** Returns a clock on which each wait ends at once. */
function patience() {
  const time = manualClock();
  const after = (ms: number, call: () => void) => {
    time.advance(ms);
    queueMicrotask(call);
    return () => {};
  };
  return {
    partials: parseLocation("s3://bucket/out"),
    clock: { ...time, after },
    signal: abort.signal,
    graceMs: 600_000,
  };
}

/** @returns the number of calls */
async function verified(
  code: ErrorCode,
  failures: number,
  readsOwn: () => Promise<boolean> = async () => false,
): Promise<number> {
  let calls = 0;
  await verifyPatiently(
    async () => {
      calls += 1;
      if (calls <= failures) throw new ShardmillError(code, "a planted error");
    },
    { ...patience(), readsOwn },
  );
  return calls;
}

test("the check of a partial is retried while its store fails", async () => {
  expect(await verified("STORE_FAILED", 20)).toBe(21);
  expect(await verified("STORE_REFUSED", 1)).toBe(2);
});

test("a store that is unavailable for long fails the output, which a later run resumes", async () => {
  await expect(verified("STORE_REFUSED", Number.POSITIVE_INFINITY)).rejects.toMatchObject({
    code: "OUTPUT_FAILED",
    hint: expect.stringContaining("it resumes"),
  });
});

test("an invalid partial is refused at once", async () => {
  await expect(verified("PARTIAL_INVALID", 1)).rejects.toMatchObject({ code: "PARTIAL_INVALID" });
});

test("a partial is refused if access to it alone is denied, and retried if the store denies everything", async () => {
  const forEver = Number.POSITIVE_INFINITY;
  let requested = 0;
  const readsOwn = async () => {
    requested += 1;
    return requested > 2;
  };
  await expect(verified("STORE_REFUSED", forEver, readsOwn)).rejects.toMatchObject({
    code: "PARTIAL_INVALID",
    hint: expect.stringContaining("--data coordinator"),
  });
  expect(requested).toBe(3);
  expect(await verified("STORE_FAILED", 3, async () => true)).toBe(4);
});

test("a listener receives each error while a partial waits for its store, and null at the end", async () => {
  const heard: (string | null)[] = [];
  let calls = 0;
  const verify = async () => {
    calls += 1;
    if (calls < 3) throw new ShardmillError("STORE_FAILED", "answers 503");
  };
  await verifyPatiently(verify, { ...patience(), onWait: (error) => heard.push(error?.message ?? null) });
  expect(heard).toEqual(["answers 503", "answers 503", null]);
});
