import { expect, test } from "vitest";
import { Lock } from "../../../../shared/core/lock.ts";

const never = new AbortController().signal;
const settle = () => new Promise((resolve) => setImmediate(resolve));

test("one is in at a time, in the order of asking; leaving twice is leaving once", async () => {
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

test("one who stops waiting holds up nobody, and lets nobody in too early", async () => {
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
