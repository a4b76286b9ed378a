import { describe, expect, test } from "vitest";
import { NEVER } from "../../../../shared/core/abort.ts";
import { ShardmillError } from "../../../../shared/core/errors.ts";
import { parseLocation } from "../../../../shared/domain/location.ts";
import { workerSession } from "../../../../shared/domain/worker.ts";
import { patientStorage } from "../../../../shared/storage/patient.ts";
import { sourceOfBytes } from "../../../../shared/storage/put-source.ts";
import type { Storage } from "../../../../shared/storage/storage.ts";
import { sessionCell, sessionIn, setSession } from "../../../../worker/read/session-cell.ts";
import { aDigest } from "../../../support/ids.ts";

const A = parseLocation("/a");

/** Returns a clock on which all waits end at once. */
function quickClock() {
  let nowMs = 0;
  return {
    nowMs: () => nowMs,
    wallMs: () => 0,
    after(ms: number, call: () => void) {
      nowMs += ms;
      const timer = setImmediate(call);
      return () => clearImmediate(timer);
    },
  };
}

/** Returns a storage that fails with these errors, and then answers. */
function failing(...errors: readonly ShardmillError[]): { storage: Storage; calls: () => number } {
  let calls = 0;
  const call = async () => {
    const error = errors[Math.min(calls, errors.length)];
    calls += 1;
    if (error !== undefined) throw error;
  };
  const storage: Storage = {
    can: { put: true, rename: true, link: true, putIfAbsent: true, sync: true, list: false, versions: false },
    kindAt: () => call().then(() => "file"),
    stat: () => call().then(() => ({ bytes: 1, version: "2" })),
    real: (location) => call().then(() => location),
    list: () => {
      throw new Error("not asked");
    },
    read: () => call().then(() => new Uint8Array(3)),
    put: () => call().then(() => ({ bytes: 1, sha256: aDigest("x") })),
    rename: call,
    link: call,
    copy: call,
    sync: call,
    remove: call,
    [Symbol.asyncDispose]: async () => {},
  };
  return { storage: patientStorage(storage, quickClock()), calls: () => calls };
}

const unreachable = new ShardmillError("STORE_FAILED", "gone", {
  fields: { because: "COORDINATOR_UNREACHABLE" },
});
const PASSING = [
  unreachable,
  new ShardmillError("SESSION_STALE", "who are you"),
  new ShardmillError("JOB_NOT_FOUND", "not yet"),
];

describe("a store behind a restarted coordinator", () => {
  test("every call is retried until the coordinator is available", async () => {
    const rig = failing(...PASSING);
    expect(await rig.storage.stat(A, NEVER)).toEqual({ bytes: 1, version: "2" });
    expect(rig.calls()).toBe(4);
    const others: readonly ((storage: Storage) => Promise<unknown>)[] = [
      (storage) => storage.kindAt(A, NEVER),
      (storage) => storage.real(A, NEVER),
      (storage) => storage.read(A, 0, 3, { signal: NEVER }),
      (storage) => storage.put(A, sourceOfBytes("b"), { signal: NEVER }),
      (storage) => storage.rename(A, A),
      (storage) => storage.link(A, A),
      (storage) => storage.copy(A, A, NEVER),
      (storage) => storage.sync(A),
      (storage) => storage.remove(A, NEVER),
    ];
    for (const call of others) {
      const { storage, calls } = failing(...PASSING);
      await call(storage);
      expect(calls()).toBe(4);
    }
  });

  test.each([
    new ShardmillError("LEASE_STALE", "not yours"),
    new ShardmillError("STORE_NOT_FOUND", "none"),
    new ShardmillError("STORE_FAILED", "EIO"),
  ])("a call with a final error is not retried ($code)", async (error) => {
    const rig = failing(error);
    await expect(rig.storage.stat(A, NEVER)).rejects.toBe(error);
    expect(rig.calls()).toBe(1);
  });

  test("a call fails after a minute of retries, and at once when its caller aborts", async () => {
    const forever = failing(...Array.from({ length: 1_000 }, () => unreachable));
    await expect(forever.storage.stat(A, NEVER)).rejects.toBe(unreachable);
    expect(forever.calls()).toBeLessThan(210);
    const reason = new Error("the lease is lost");
    await expect(failing(unreachable).storage.stat(A, AbortSignal.abort(reason))).rejects.toBe(reason);
  });
});

test("a changed session is read everywhere that shares its cell", () => {
  const cell = sessionCell(workerSession("a".repeat(24)));
  const elsewhere = structuredClone({ cell }).cell;
  setSession(cell, workerSession("b2"));
  expect(sessionIn(elsewhere)).toBe("b2");
});
