import { describe, expect, test } from "vitest";
import type { SpooledWindow } from "../../../../coordinator/queue/spool.ts";
import { filesOf, withoutUnreadable } from "../../../../coordinator/queue/unreadable-files.ts";

const WINDOW: SpooledWindow = {
  id: "w",
  closedMs: 0,
  keys: ["one", "two", "three", "twice"],
  counts: [1, 2, 1, 1],
  input: ["s3://b/1.parquet", "s3://b/2.parquet", "s3://b/2b.parquet", "./3.parquet", "s3://b/1.parquet"],
  left: [],
};
const leftOf = (window: SpooledWindow | null) => window?.left.map(([key]) => key) ?? null;

test("a window of files reads each of them once", () => {
  expect(filesOf(WINDOW)).toEqual([
    "s3://b/1.parquet",
    "s3://b/2.parquet",
    "s3://b/2b.parquet",
    "./3.parquet",
  ]);
  expect(filesOf({ ...WINDOW, input: [] })).toEqual([]);
});

describe("whose run fails for a file that cannot be read", () => {
  test("goes on without the messages that name it", () => {
    const reason = "INPUT_CORRUPT: s3://b/2b.parquet is corrupt in its footer: no magic";
    const less = withoutUnreadable(WINDOW, reason);
    expect(less).toMatchObject({ id: "w", left: [["two", reason]] });
    expect(filesOf(less ?? WINDOW)).toEqual(["s3://b/1.parquet", "./3.parquet"]);
  });

  test("goes on without every message that names it, and forgets none that was left out before", () => {
    const first = withoutUnreadable(WINDOW, "INPUT_NOT_FOUND: input s3://b/1.parquet: does not exist");
    expect(leftOf(first)).toEqual(["one", "twice"]);
    const second = withoutUnreadable(
      first ?? WINDOW,
      "INPUT_UNSUPPORTED: /jobs/3.parquet uses LZO, which is not",
    );
    // Relative to the job file: the error has it whole.
    expect(leftOf(second)).toEqual(["one", "twice", "three"]);
    expect(filesOf(second ?? WINDOW)).toEqual(["s3://b/2.parquet", "s3://b/2b.parquet"]);
  });

  test("takes no file for another whose name begins or ends like it", () => {
    expect(leftOf(withoutUnreadable(WINDOW, "INPUT_CORRUPT: s3://b/2.parquet is corrupt"))).toEqual(["two"]);
    expect(withoutUnreadable(WINDOW, "INPUT_CORRUPT: s3://b/22.parquet is corrupt")).toBeNull();
    expect(withoutUnreadable(WINDOW, "INPUT_CORRUPT: s3://b/1.parquet.old is corrupt")).toBeNull();
    expect(withoutUnreadable(WINDOW, "INPUT_CORRUPT: as3://b/1.parquet is corrupt")).toBeNull();
    expect(withoutUnreadable(WINDOW, "INPUT_CORRUPT: /jobs/03.parquet is corrupt")).toBeNull();
  });
});

test("stays as it is where something else is why its run failed", () => {
  expect(withoutUnreadable(WINDOW, "MODEL_NOT_FOUND: s3://b/1.parquet is not there")).toBeNull();
  expect(withoutUnreadable(WINDOW, "STORE_FAILED: s3://b/1.parquet cannot be read")).toBeNull();
  expect(withoutUnreadable({ ...WINDOW, input: [] }, "INPUT_CORRUPT: window.arrow is corrupt")).toBeNull();
});
