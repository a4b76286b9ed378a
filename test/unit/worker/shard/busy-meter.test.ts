import { expect, test } from "vitest";
import { deferred } from "../../../../shared/core/abort.ts";
import { BusyMeter } from "../../../../worker/shard/busy-meter.ts";
import { manualClock } from "../../../support/builders.ts";

test("shares are of the time given, and start again from nothing", () => {
  const clock = manualClock();
  const meter = new BusyMeter(clock.nowMs);
  meter.time("collect", () => clock.advance(30));
  meter.add("infer", 150);
  expect(meter.takeShares(100)).toEqual({ collect: 0.3, infer: 1.5 });
  expect(meter.takeShares(100)).toEqual({});
});

test("work that throws counts too", () => {
  const clock = manualClock();
  const meter = new BusyMeter(clock.nowMs);
  const fail = () => {
    clock.advance(10);
    throw new Error("no");
  };
  expect(() => meter.time("encode", fail)).toThrow("no");
  expect(meter.takeShares(100)).toEqual({ encode: 0.1 });
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
  expect(meter.takeShares(100)).toEqual({ read: 0.5 });
});

test("decoding is what is left of the reader's time", async () => {
  const clock = manualClock();
  const meter = new BusyMeter(clock.nowMs);
  await meter.timeDecode(async () => {
    await meter.timeRead(async () => clock.advance(40));
    meter.time("collect", () => clock.advance(10));
    clock.advance(25);
  });
  expect(meter.takeShares(100)).toEqual({ read: 0.4, collect: 0.1, decode: 0.25 });
});
