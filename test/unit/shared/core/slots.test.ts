import { describe, expect, test } from "vitest";
import { Slots } from "../../../../shared/core/slots.ts";

const never = new AbortController().signal;

/** Waits until every possible promise is resolved. */
const quiet = () => new Promise((resolve) => setImmediate(resolve));

describe("slots", () => {
  test("slots are granted in the order of requests", async () => {
    const slots = new Slots("uploads", { slots: 1, waiting: 2 });
    const order: string[] = [];
    const release = await slots.take(never);
    for (const name of ["second", "third"]) {
      void slots.take(never).then((next) => {
        order.push(name);
        next();
      });
    }
    await quiet();
    expect(order).toEqual([]);
    release();
    await quiet();
    expect(order).toEqual(["second", "third"]);
  });

  test("a request fails with RESOURCE_EXHAUSTED while the queue is full", async () => {
    const slots = new Slots("uploads", { slots: 1, waiting: 1 });
    const release = await slots.take(never);
    const waiting = slots.take(never);
    await expect(slots.take(never)).rejects.toMatchObject({ code: "RESOURCE_EXHAUSTED" });
    release();
    (await waiting)();
    await expect(slots.take(never)).resolves.toBeTypeOf("function");
  });

  test("an aborted caller leaves the queue with its signal's reason, and the next caller gets the slot", async () => {
    const slots = new Slots("uploads", { slots: 1, waiting: 2 });
    const release = await slots.take(never);
    const caller = new AbortController();
    const reason = new Error("the caller disconnected");
    const first = slots.take(caller.signal).catch((error: unknown) => error);
    const second = slots.take(never);
    caller.abort(reason);
    expect(await first).toBe(reason);
    release();
    expect(await second).toBeTypeOf("function");
  });

  test("a slot granted in the same turn as an abort is not lost", async () => {
    const slots = new Slots("uploads", { slots: 1, waiting: 2 });
    const release = await slots.take(never);
    const caller = new AbortController();
    const turn = slots.take(caller.signal).catch((error: unknown) => error);
    release();
    caller.abort(new Error("the caller disconnected"));
    const outcome = await turn;
    if (typeof outcome === "function") outcome();
    await expect(slots.take(never)).resolves.toBeTypeOf("function");
  });

  test("a caller that waits too long fails with RESOURCE_EXHAUSTED, and the next caller gets the slot", async () => {
    const due: (() => void)[] = [];
    const timers = {
      after(_ms: number, call: () => void) {
        due.push(call);
        return () => void due.splice(due.indexOf(call), 1);
      },
    };
    const slots = new Slots("uploads", { slots: 1, waiting: 2, waitMs: 20_000 }, timers);
    const release = await slots.take(never);
    const first = slots.take(never).catch((error: unknown) => error);
    const second = slots.take(never);
    due[0]?.();
    expect(await first).toMatchObject({ code: "RESOURCE_EXHAUSTED" });
    release();
    expect(await second).toBeTypeOf("function");
    expect(due).toEqual([]);
  });
});
