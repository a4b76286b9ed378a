import { expect, test } from "vitest";
import { ERROR_CODES, type ErrorCode, type ErrorTraits } from "../../../../shared/core/error-codes.ts";

function codesWith<Column extends keyof ErrorTraits>(
  column: Column,
  value: ErrorTraits[Column],
): ErrorCode[] {
  const codes = Object.keys(ERROR_CODES) as ErrorCode[];
  return codes.filter((code) => ERROR_CODES[code][column] === value);
}

test("a call is retried only for an unreachable coordinator, a missed deadline or exhausted resources", () => {
  expect(codesWith("call", "repeat")).toEqual([
    "COORDINATOR_UNREACHABLE",
    "DEADLINE_EXCEEDED",
    "RESOURCE_EXHAUSTED",
  ]);
});

test("an attempt that lost its lease, session or job, or was interrupted, is released without a count", () => {
  expect(codesWith("attempt", "release")).toEqual([
    "LEASE_STALE",
    "SESSION_STALE",
    "JOB_ENDED",
    "INTERRUPTED",
  ]);
});

test("a worker quits only for errors with exit code 2 and three listed errors", () => {
  const mend = codesWith("exit", 2);
  expect(codesWith("worker", "quit").filter((code) => !mend.includes(code))).toEqual([
    // For a worker that the coordinator of a single job cannot use.
    "DEVICE_WRONG",
    "WORKER_UNFIT",
    // After the worker has waited for a coordinator as long as configured.
    "COORDINATOR_UNREACHABLE",
  ]);
});

test("a call is repeated after a rejoin for a stale session or an unknown job, or once readmitted", () => {
  expect(codesWith("call", "rejoin")).toEqual(["SESSION_STALE", "JOB_NOT_FOUND"]);
  expect(codesWith("call", "readmit")).toEqual(["CERTIFICATE_REFUSED"]);
});

test("errors of an ended lease, session or job reach a storage's caller unwrapped", () => {
  expect(codesWith("storage", "asIs")).toEqual([
    "STORE_EXISTS",
    "LEASE_STALE",
    "SESSION_STALE",
    "JOB_NOT_FOUND",
    "JOB_ENDED",
    "INTERRUPTED",
  ]);
});

test("a storage's own errors and a changed input send a read to another place", () => {
  expect(codesWith("storage", "elsewhere")).toEqual([
    "INPUT_CHANGED",
    "STORE_NOT_FOUND",
    "STORE_FAILED",
    "STORE_UNAVAILABLE",
    "STORE_CHANGED",
    "LOCATION_REFUSED",
    "STORE_REFUSED",
  ]);
});

test("an attempt waits for an unavailable store or server, and is refused for errors of its worker", () => {
  expect(codesWith("attempt", "wait")).toEqual(["SERVER_UNAVAILABLE", "STORE_UNAVAILABLE"]);
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
