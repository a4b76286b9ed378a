import { expect, test } from "vitest";
import { Lock } from "../../../../shared/core/lock.ts";

const never = new AbortController().signal;
const settle = () => new Promise((resolve) => setImmediate(resolve));

test("a lock has one holder at a time, in the order of requests, and a second release has no effect", async () => {
  const lock = new Lock();
  const entered: string[] = [];
  const enter = async (name: string) => {
    const leave = await lock.enter(never);
    entered.push(name);
    return leave;
  };
  const [a, b, c] = [enter("a"), enter("b"), enter("c")];
  await settle();
  expect(entered).toEqual(["a"]);
  const leaveA = await a;
  leaveA();
  leaveA();
  await settle();
  expect(entered).toEqual(["a", "b"]);
  (await b)();
  (await c)();
  expect(entered).toEqual(["a", "b", "c"]);
});

test("a waiter that aborts does not block the next waiter, which still waits for the holder", async () => {
  const lock = new Lock();
  const leave = await lock.enter(never);
  const stop = new AbortController();
  const second = lock.enter(stop.signal);
  let thirdIsIn = false;
  const third = lock.enter(never).then(() => {
    thirdIsIn = true;
  });
  stop.abort(new Error("enough"));
  await expect(second).rejects.toThrow("enough");
  await settle();
  expect(thirdIsIn).toBe(false);
  leave();
  await third;
});
