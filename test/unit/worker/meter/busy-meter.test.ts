import { expect, test } from "vitest";
import { deferred } from "../../../../shared/core/abort.ts";
import { BusyMeter, mergeShares } from "../../../../worker/meter/busy-meter.ts";
import { manualClock } from "../../../support/builders.ts";

test("shares are of the time given, and start again from nothing", () => {
  const clock = manualClock();
  const meter = new BusyMeter(clock.nowMs);
  meter.time("collect", () => clock.advance(30));
  meter.add("infer", 150);
  expect(meter.takeShares(100, { infer: 2 })).toEqual({ collect: 0.3, infer: 0.75 });
  expect(meter.takeShares(100, {})).toEqual({});
});

test("positions add up, and start again from nothing", () => {
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

test("reads that overlap count once", async () => {
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

test("a read costs only what the thread was idle in it: the rest is decoding", async () => {
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

test("decoding is what is left of the reader's time", async () => {
  const clock = manualClock();
  const meter = new BusyMeter(clock.nowMs);
  await meter.timeDecode(async () => {
    await meter.timeRead(async () => clock.advance(40));
    meter.time("collect", () => clock.advance(10));
    clock.advance(25);
  });
  expect(meter.takeShares(100, {})).toEqual({ read: 0.4, collect: 0.1, decode: 0.25 });
});

test("two readers that decode at once count once", async () => {
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

test("no share is over 1: work that ended late counts where it fits, and in all", () => {
  const meter = new BusyMeter(() => 0);
  meter.add("infer", 500);
  const shares = [1, 2, 3, 4].map(() => meter.takeShares(100, { infer: 2 }).infer);
  expect(shares).toEqual([1, 1, 0.5, undefined]);
});

test("busy milliseconds are given away once", () => {
  const meter = new BusyMeter(() => 0);
  meter.add("encode", 5);
  meter.add("encode", 6);
  expect(meter.takeBusyMs()).toEqual({ encode: 11 });
  expect(meter.takeBusyMs()).toEqual({});
});

test("what threads had the lanes do adds up, their own stages are means, and nobody's is left out", () => {
  const threads = [
    { infer: 0.5, decode: 0.8, encode: 0.2 },
    { infer: 0.25, decode: 0.4 },
  ];
  expect(mergeShares(threads, 2)).toEqual({ infer: 0.75, decode: (0.8 + 0.4) / 2, encode: 0.1 });
});

test("a thread that has not reported yet is idle, and no share is more than all", () => {
  expect(mergeShares([{ infer: 0.7, decode: 1 }], 4)).toEqual({ infer: 0.7, decode: 0.25 });
  expect(mergeShares([{ infer: 0.7 }, { infer: 0.7 }], 2)).toEqual({ infer: 1 });
  expect(mergeShares([], 2)).toEqual({});
});
