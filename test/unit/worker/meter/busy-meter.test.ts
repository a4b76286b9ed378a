import { expect, test } from "vitest";
import { deferred } from "../../../../shared/core/abort.ts";
import { BusyMeter, mergeShares } from "../../../../worker/meter/busy-meter.ts";
import { manualClock } from "../../../support/builders.ts";

test("shares are relative to the given time, and restart at zero after they are taken", () => {
  const clock = manualClock();
  const meter = new BusyMeter(clock.nowMs);
  meter.time("collect", () => clock.advance(30));
  meter.add("infer", 150);
  expect(meter.takeShares(100, { infer: 2 })).toEqual({ collect: 0.3, infer: 0.75 });
  expect(meter.takeShares(100, {})).toEqual({});
});

test("positions add up, and restart at zero after they are taken", () => {
  const meter = new BusyMeter(() => 0);
  meter.addPositions({ run: 100, padded: 7 });
  meter.addPositions({ run: 20, padded: 0 });
  expect(meter.takePositions()).toEqual({ run: 120, padded: 7 });
  expect(meter.takePositions()).toEqual({ run: 0, padded: 0 });
});

test("work that throws counts too", () => {
  const clock = manualClock();
  const meter = new BusyMeter(clock.nowMs);
  const fail = () => {
    clock.advance(10);
    throw new Error("no");
  };
  expect(() => meter.time("encode", fail)).toThrow("no");
  expect(meter.takeShares(100, {})).toEqual({ encode: 0.1 });
});

test("overlapping reads count once", async () => {
  const clock = manualClock();
  const meter = new BusyMeter(clock.nowMs);
  const [one, two] = [deferred<void>(), deferred<void>()];
  const both = [meter.timeRead(() => one.promise), meter.timeRead(() => two.promise)];
  clock.advance(20);
  one.resolve();
  await both[0];
  clock.advance(30);
  two.resolve();
  await both[1];
  expect(meter.takeShares(100, {})).toEqual({ read: 0.5 });
});

test("a read counts only the thread's idle time, and the rest counts as decoding", async () => {
  const [clock, idle] = [manualClock(), manualClock()];
  const meter = new BusyMeter(clock.nowMs, idle.nowMs);
  await meter.timeDecode(() =>
    meter.timeRead(async () => {
      clock.advance(40);
      idle.advance(15);
    }),
  );
  expect(meter.takeShares(100, {})).toEqual({ read: 0.15, decode: 0.25 });
});

test("decoding is the reader's time without reads and collection", async () => {
  const clock = manualClock();
  const meter = new BusyMeter(clock.nowMs);
  await meter.timeDecode(async () => {
    await meter.timeRead(async () => clock.advance(40));
    meter.time("collect", () => clock.advance(10));
    clock.advance(25);
  });
  expect(meter.takeShares(100, {})).toEqual({ read: 0.4, collect: 0.1, decode: 0.25 });
});

test("two readers that decode concurrently count once", async () => {
  const clock = manualClock();
  const meter = new BusyMeter(clock.nowMs);
  const [one, two] = [deferred<void>(), deferred<void>()];
  const both = [meter.timeDecode(() => one.promise), meter.timeDecode(() => two.promise)];
  clock.advance(20);
  meter.time("collect", () => clock.advance(10));
  one.resolve();
  await both[0];
  clock.advance(30);
  two.resolve();
  await both[1];
  expect(meter.takeShares(100, {})).toEqual({ decode: 0.5, collect: 0.1 });
});

test("no share exceeds 1, and late work is carried over to the following shares", () => {
  const meter = new BusyMeter(() => 0);
  meter.add("infer", 500);
  const shares = [1, 2, 3, 4].map(() => meter.takeShares(100, { infer: 2 }).infer);
  expect(shares).toEqual([1, 1, 0.5, undefined]);
});

test("busy milliseconds can be taken once", () => {
  const meter = new BusyMeter(() => 0);
  meter.add("encode", 5);
  meter.add("encode", 6);
  expect(meter.takeBusyMs()).toEqual({ encode: 11 });
  expect(meter.takeBusyMs()).toEqual({});
});

test("shares of lanes are added over threads, and shares of other stages are averaged", () => {
  const threads = [
    { infer: 0.5, decode: 0.8, encode: 0.2 },
    { infer: 0.25, decode: 0.4 },
  ];
  expect(mergeShares(threads, 2)).toEqual({ infer: 0.75, decode: (0.8 + 0.4) / 2, encode: 0.1 });
});

test("a thread without a report counts as idle, and no merged share exceeds 1", () => {
  expect(mergeShares([{ infer: 0.7, decode: 1 }], 4)).toEqual({ infer: 0.7, decode: 0.25 });
  expect(mergeShares([{ infer: 0.7 }, { infer: 0.7 }], 2)).toEqual({ infer: 1 });
  expect(mergeShares([], 2)).toEqual({});
});
