import { describe, expect, test } from "vitest";
import type { SpooledWindow } from "../../../../extensions/serve/queue/spool.ts";
import { filesOf, withoutUnreadable } from "../../../../extensions/serve/queue/unreadable-files.ts";
import { asWindowId } from "../../../../extensions/serve/queue/window-id.ts";
import type { ErrorCode } from "../../../../shared/core/error-codes.ts";
import { errorToData, ShardmillError } from "../../../../shared/core/errors.ts";

const WINDOW: SpooledWindow = {
  id: asWindowId("w"),
  closedMs: 0,
  keys: ["one", "two", "three", "twice"],
  counts: [1, 2, 1, 1],
  input: ["s3://b/1.parquet", "s3://b/2.parquet", "s3://b/2b.parquet", "./3.parquet", "s3://b/1.parquet"],
  left: [],
};
const leftOf = (window: SpooledWindow | null) => window?.left.map(([key]) => key) ?? null;

test("a window of files reads each file once", () => {
  expect(filesOf(WINDOW)).toEqual([
    "s3://b/1.parquet",
    "s3://b/2.parquet",
    "s3://b/2b.parquet",
    "./3.parquet",
  ]);
  expect(filesOf({ ...WINDOW, input: [] })).toEqual([]);
});

/** Paths in messages are relative to the job file's folder. */
const locationOf = (file: string) => file.replace(/^\.\//, "/jobs/");
const without = (window: SpooledWindow, code: ErrorCode, ...paths: readonly string[]) => {
  const problems = paths.slice(1).map((where) => ({ where, what: "is corrupt" }));
  const failure = errorToData(new ShardmillError(code, "no", { fields: { path: paths[0] ?? "" }, problems }));
  return withoutUnreadable(window, failure, locationOf);
};

describe("a window whose run failed at an unreadable file", () => {
  test("the messages that name the file are excluded", () => {
    const less = without(WINDOW, "INPUT_CORRUPT", "s3://b/2b.parquet");
    expect(less).toMatchObject({ id: "w", left: [["two", "INPUT_CORRUPT: no"]] });
    expect(filesOf(less ?? WINDOW)).toEqual(["s3://b/1.parquet", "./3.parquet"]);
  });

  test("every message that names the file is excluded, and earlier exclusions stay", () => {
    const first = without(WINDOW, "INPUT_NOT_FOUND", "s3://b/1.parquet");
    expect(leftOf(first)).toEqual(["one", "twice"]);
    const second = without(first ?? WINDOW, "INPUT_UNSUPPORTED", "/jobs/3.parquet");
    expect(leftOf(second)).toEqual(["one", "twice", "three"]);
    expect(filesOf(second ?? WINDOW)).toEqual(["s3://b/2.parquet", "s3://b/2b.parquet"]);
  });

  test("messages of all files that one failure names are excluded", () => {
    const less = without(WINDOW, "INPUT_CORRUPT", "s3://b/2.parquet", "s3://b/2.parquet", "/jobs/3.parquet");
    expect(leftOf(less)).toEqual(["two", "three"]);
  });

  test("a file whose name begins or ends alike is not excluded", () => {
    expect(leftOf(without(WINDOW, "INPUT_CORRUPT", "s3://b/2.parquet"))).toEqual(["two"]);
    for (const path of ["s3://b/22.parquet", "s3://b/1.parquet.old", "as3://b/1.parquet", "/jobs/03.parquet"])
      expect(without(WINDOW, "INPUT_CORRUPT", path)).toBeNull();
  });
});

test("a window stays unchanged when its run failed for another reason", () => {
  expect(without(WINDOW, "MODEL_NOT_FOUND", "s3://b/1.parquet")).toBeNull();
  expect(without(WINDOW, "STORE_FAILED", "s3://b/1.parquet")).toBeNull();
  expect(without({ ...WINDOW, input: [] }, "INPUT_CORRUPT", "window.arrow")).toBeNull();
});
