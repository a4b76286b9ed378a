import { expect, test } from "vitest";
import { PlanningSlot } from "../../../../coordinator/job/planning-slot.ts";
import { deferred, NEVER } from "../../../../shared/core/abort.ts";
import { Slots } from "../../../../shared/core/slots.ts";

function turns() {
  const slots = new Slots("jobs to plan", { slots: 1, waiting: 8 });
  return { slots, take: (signal = NEVER) => PlanningSlot.take(slots, signal) };
}

test("another job takes the slot while the first waits, and the first then waits for the slot", async () => {
  const { take } = turns();
  using first = await take();
  const checked = deferred<string>();
  const waiting = first.withoutSlot(() => checked.promise);
  const second = await take();
  checked.resolve("checked");
  let isBack = false;
  void waiting.then(() => {
    isBack = true;
  });
  await new Promise((resolve) => setImmediate(resolve));
  expect(isBack).toBe(false);
  second[Symbol.dispose]();
  expect(await waiting).toBe("checked");
});

test("a slot is released once, after a failed wait, an aborted wait or no wait", async () => {
  const { take } = turns();
  {
    using failing = await take();
    const failed = failing.withoutSlot(() => Promise.reject(new Error("SQL")));
    await expect(failed).rejects.toThrow("SQL");
  }
  const stop = new AbortController();
  {
    using called = await take(stop.signal);
    const back = called.withoutSlot(async () => stop.abort(new Error("gone")));
    await expect(back).rejects.toThrow("gone");
  }
  using only = await take();
  const full = take(AbortSignal.timeout(20));
  await expect(full).rejects.toThrow();
  expect(only).toBeDefined();
});
