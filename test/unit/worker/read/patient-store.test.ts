import { describe, expect, test } from "vitest";
import { ShardmillError } from "../../../../shared/core/errors.ts";
import { workerSession } from "../../../../shared/domain/worker.ts";
import type { Store } from "../../../../shared/store/store.ts";
import { patientStore } from "../../../../worker/read/patient-store.ts";
import { sessionCell, sessionIn, setSession } from "../../../../worker/read/session-cell.ts";

/** A clock on which all waiting is over at once. */
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

/** Fails as told, then answers. */
function failing(...errors: readonly ShardmillError[]): { store: Store; calls: () => number } {
  let calls = 0;
  const call = async () => {
    const error = errors[Math.min(calls, errors.length)];
    calls += 1;
    if (error !== undefined) throw error;
  };
  const store: Store = {
    stat: () => call().then(() => ({ bytes: 1, mtimeMs: 2 })),
    readRange: () => call().then(() => new Uint8Array(3)),
    putOnce: call,
  };
  return { store: patientStore(store, quickClock()), calls: () => calls };
}

const unreachable = new ShardmillError("STORE_FAILED", "gone", {
  fields: { because: "COORDINATOR_UNREACHABLE" },
});
const PASSING = [
  unreachable,
  new ShardmillError("SESSION_STALE", "who are you"),
  new ShardmillError("JOB_NOT_FOUND", "not yet"),
];

describe("a store behind a coordinator that is started again", () => {
  test("asks again until it is there, with every call", async () => {
    const rig = failing(...PASSING);
    expect(await rig.store.stat("a")).toEqual({ bytes: 1, mtimeMs: 2 });
    expect(rig.calls()).toBe(4);
    expect(await failing(...PASSING).store.readRange("a", 0, 3)).toHaveLength(3);
    await failing(...PASSING).store.putOnce("a", "b");
  });

  test.each([
    new ShardmillError("LEASE_STALE", "not yours"),
    new ShardmillError("STORE_NOT_FOUND", "none"),
    new ShardmillError("STORE_FAILED", "EIO"),
  ])("asks once when the answer is final ($code)", async (error) => {
    const rig = failing(error);
    await expect(rig.store.stat("a")).rejects.toBe(error);
    expect(rig.calls()).toBe(1);
  });

  test("gives up after a minute, and at once when its caller does", async () => {
    const forever = failing(...Array.from({ length: 1_000 }, () => unreachable));
    await expect(forever.store.stat("a")).rejects.toBe(unreachable);
    expect(forever.calls()).toBeLessThan(210);
    const reason = new Error("the lease is lost");
    await expect(failing(unreachable).store.stat("a", AbortSignal.abort(reason))).rejects.toBe(reason);
  });
});

test("a session that changes is the new one wherever its cell is seen", () => {
  const cell = sessionCell(workerSession("a".repeat(24)));
  const elsewhere = structuredClone({ cell }).cell;
  setSession(cell, workerSession("b2"));
  expect(sessionIn(elsewhere)).toBe("b2");
});
