import { expect, test } from "vitest";
import { deferred, NEVER } from "../../../../shared/core/abort.ts";
import { ShardmillError } from "../../../../shared/core/errors.ts";
import { asExecutionId } from "../../../../shared/domain/execution-id.ts";
import { workerSession } from "../../../../shared/domain/worker.ts";
import type { LeaseAnswer, WorkService } from "../../../../shared/wire/services.ts";
import { idleExit } from "../../../../worker/lease/idle-exit.ts";
import { aLease } from "../../../support/builders.ts";

const session = workerSession("s1");
const nothing: LeaseAnswer = { kind: "noLease", retryMs: 0 };
const IDLE_MS = 60_000;
const POLL_MS = 25_000;

/** Returns a coordinator that gives the test's answer after the full wait, and a worker that calls it. */
function rig() {
  const clock = { now: 0, nowMs: () => clock.now };
  const waits: number[] = [];
  let answer: LeaseAnswer | ShardmillError = nothing;
  let found: LeaseAnswer | null = null;
  let idle = 0;
  const requestLease: WorkService["requestLease"] = async (_session, waitMs) => {
    waits.push(waitMs);
    clock.now += waitMs;
    if (answer instanceof ShardmillError) throw answer;
    return answer;
  };
  const gate = deferred<never>();
  const watched = idleExit({
    work: { requestLease } as WorkService,
    runner: { run: () => gate.promise },
    idleMs: IDLE_MS,
    clock,
    onIdle: () => {
      idle += 1;
    },
  });
  return {
    clock,
    waits,
    found: () => found,
    ask: async (next: LeaseAnswer | ShardmillError = nothing) => {
      answer = next;
      found = await watched.work.requestLease(session, POLL_MS, [], NEVER).catch(() => null);
      return idle;
    },
    /** Runs a shard. Returns a function that ends it. */
    run: () => {
      const options = { signal: new AbortController().signal, onProgress: () => {} };
      const done = watched.runner.run(aLease({ shard: 1 }), asExecutionId("e"), options).catch(() => {});
      return async () => {
        gate.reject(new Error("done"));
        await done;
      };
    },
  };
}

test("a worker without work is reported as idle once, exactly when the idle time is over", async () => {
  const { ask, waits, clock } = rig();
  expect([await ask(), await ask(), await ask()]).toEqual([0, 0, 1]);
  expect(waits).toEqual([POLL_MS, POLL_MS, IDLE_MS - 2 * POLL_MS]);
  expect(clock.now).toBe(IDLE_MS);
  expect(await ask()).toBe(1);
});

test("the idle time restarts after a shard, and does not count while a shard runs", async () => {
  const { ask, run } = rig();
  expect([await ask(), await ask()]).toEqual([0, 0]);
  const end = run();
  expect([await ask(), await ask(), await ask(), await ask()]).toEqual([0, 0, 0, 0]);
  await end();
  expect([await ask(), await ask()]).toEqual([0, 0]);
  expect(await ask()).toBe(1);
});

test("an unreachable coordinator restarts the idle time", async () => {
  const { ask } = rig();
  const away = new ShardmillError("COORDINATOR_UNREACHABLE", "no coordinator there");
  expect([await ask(), await ask(), await ask(away), await ask(), await ask()]).toEqual([0, 0, 0, 0, 0]);
  expect(await ask()).toBe(1);
});

test("a lease at the end of the idle time is passed to the worker, and restarts that time", async () => {
  const { ask, found } = rig();
  const lease: LeaseAnswer = { kind: "lease", lease: aLease({ shard: 1 }) };
  expect([await ask(), await ask(), await ask(lease)]).toEqual([0, 0, 0]);
  expect(found()).toBe(lease);
  expect([await ask(), await ask(), await ask()]).toEqual([0, 0, 1]);
});
