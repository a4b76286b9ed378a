import { expect, test } from "vitest";
import { ERROR_CODES, type ErrorCode, type ErrorTraits } from "../../../../shared/core/error-codes.ts";

function codesWith<Column extends keyof ErrorTraits>(
  column: Column,
  value: ErrorTraits[Column],
): ErrorCode[] {
  const codes = Object.keys(ERROR_CODES) as ErrorCode[];
  return codes.filter((code) => ERROR_CODES[code][column] === value);
}

test("a call is repeated only where the way failed", () => {
  expect(codesWith("call", "repeat")).toEqual([
    "COORDINATOR_UNREACHABLE",
    "DEADLINE_EXCEEDED",
    "RESOURCE_EXHAUSTED",
  ]);
});

test("a worker that lost its lease, its session or its job, or was stopped, is not blamed", () => {
  expect(codesWith("attempt", "release")).toEqual([
    "LEASE_STALE",
    "SESSION_STALE",
    "JOB_ENDED",
    "INTERRUPTED",
  ]);
});

test("a worker's process stays down only for what whoever started it must mend", () => {
  const mend = codesWith("exit", 2);
  expect(codesWith("worker", "quit").filter((code) => !mend.includes(code))).toEqual([
    // For a worker that the coordinator of a single job cannot use.
    "DEVICE_WRONG",
    "WORKER_UNFIT",
    // After the worker has waited for a coordinator as long as configured.
    "COORDINATOR_UNREACHABLE",
  ]);
});

test("what a store says of a file, a lease or a session reaches its caller", () => {
  const wrapped = codesWith("storage", "fails");
  const own = ["STORE_NOT_FOUND", "STORE_EXISTS", "STORE_REFUSED", "STORE_FAILED", "LEASE_STALE"] as const;
  expect(own.filter((code) => wrapped.includes(code))).toEqual([]);
});

test("an attempt that ends for its worker's or a store's reasons does not count", () => {
  expect(codesWith("attempt", "wait")).toEqual(["STORE_UNAVAILABLE"]);
  expect(codesWith("attempt", "refuse").toSorted()).toEqual([
    "CACHE_FAILED",
    "DEVICE_UNAVAILABLE",
    "DEVICE_WRONG",
    "MODEL_INVALID",
    "MODULES_REFUSED",
    "TEMP_FAILED",
    "WORKER_UNFIT",
  ]);
});
