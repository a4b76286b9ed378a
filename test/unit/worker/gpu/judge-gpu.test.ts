import fc from "fast-check";
import { describe, expect, test } from "vitest";
import type { GpuLook, GpuReading } from "../../../../shared/extension/gpu-driver.ts";
import { GOOD_GPU, type GpuState, judgeGpu } from "../../../../worker/gpu/judge-gpu.ts";
import { GPU_READING } from "../../../support/gpus/reading.ts";

function read(more: Partial<GpuReading> = {}): GpuLook {
  return { kind: "read", reading: { ...GPU_READING, ...more } };
}

const LOST: GpuLook = { kind: "lost", why: "GPU is lost" };

/** Returns the state after several looks, each some seconds after the previous one. */
function comesOf(looks: readonly (readonly [number, GpuLook])[], from: GpuState = GOOD_GPU, fromMs = 0) {
  let nowMs = fromMs;
  let state = from;
  for (const [seconds, look] of looks) {
    nowMs += seconds * 1_000;
    state = judgeGpu(state, look, nowMs);
  }
  return { state, nowMs };
}

describe("the exclusion of a GPU", () => {
  test.each([
    ["it is lost", LOST, "the driver no longer finds it: GPU is lost"],
    ["the driver reports a hardware error", read({ xids: [13, 79] }), "Xid 79: it has fallen off the bus"],
    [
      "it has more uncorrected memory errors",
      read({ uncorrectedErrors: 3 }),
      "3 more memory errors that could not be corrected (ECC)",
    ],
  ])("a GPU is excluded at once when %s", (_when, look, reason) => {
    const { state } = comesOf([
      [5, read()],
      [5, look],
    ]);
    expect(state.exclusion).toEqual({ reason, sinceMs: 10_000, untilMs: 70_000 });
  });

  test("a GPU is excluded after a minute of slowdown, but not after a shorter one", () => {
    const slow = read({ slowdowns: ["hardware heat"], celsius: 95 });
    const moment = comesOf([
      [5, slow],
      [50, slow],
      [5, read()],
      [5, slow],
      [50, slow],
    ]);
    expect(moment.state.exclusion).toBeNull();
    const long = comesOf([[60, slow]], moment.state, moment.nowMs);
    expect(long.state.exclusion?.reason).toBe("slowed down for 110 s (hardware heat, at 95 °C)");
  });

  test("a GPU is not excluded for program errors, corrected errors or earlier errors", () => {
    const { state } = comesOf([
      [5, read({ uncorrectedErrors: 7 })],
      [5, read({ uncorrectedErrors: 7, correctedErrors: 1_000, xids: [13, 31, 43, 45] })],
      [5, read({ uncorrectedErrors: null })],
      [5, read({ uncorrectedErrors: 9 })],
    ]);
    expect(state.exclusion).toBeNull();
  });
});

describe("an excluded GPU", () => {
  test("is used again when its time is over and the next check finds no fault", () => {
    const aside = comesOf([[5, LOST]]);
    expect(comesOf([[59, read()]], aside.state, aside.nowMs).state.exclusion).not.toBeNull();
    const still = comesOf([[60, LOST]], aside.state, aside.nowMs);
    expect(still.state.exclusion).not.toBeNull();
    expect(comesOf([[60, read()]], still.state, still.nowMs).state.exclusion).toBeNull();
  });

  test("is excluded longer each time, and for a minute again after an hour without faults", () => {
    let run = comesOf([[5, LOST]]);
    const lasted: number[] = [];
    for (let time = 0; time < 7; time += 1) {
      const { sinceMs, untilMs } = run.state.exclusion ?? { sinceMs: 0, untilMs: 0 };
      lasted.push((untilMs - sinceMs) / 60_000);
      const back = comesOf([[(untilMs - run.nowMs) / 1_000, read()]], run.state, run.nowMs);
      run = comesOf([[5, LOST]], back.state, back.nowMs);
    }
    expect(lasted).toEqual([1, 2, 4, 8, 15, 15, 15]);
    const untilMs = run.state.exclusion?.untilMs ?? 0;
    const back = comesOf([[(untilMs - run.nowMs) / 1_000, read()]], run.state, run.nowMs);
    const later = comesOf([[3_600, LOST]], back.state, back.nowMs);
    expect((later.state.exclusion?.untilMs ?? 0) - later.nowMs).toBe(60_000);
  });
});

test("a healthy check never excludes a GPU, and a GPU that stays healthy is used again", () => {
  const look = fc.oneof(
    fc.constant(LOST),
    fc
      .record({
        uncorrectedErrors: fc.option(fc.nat(3)),
        slowdowns: fc.subarray(["hardware", "heat"] as const),
        xids: fc.array(fc.integer({ min: 1, max: 150 }), { maxLength: 3 }),
      })
      .map(read),
  );
  const looks = fc.array(fc.tuple(fc.integer({ min: 1, max: 200 }), look), { maxLength: 40 });
  fc.assert(
    fc.property(looks, (seen) => {
      const { state, nowMs } = comesOf(seen);
      expect(
        judgeGpu(state, read({ uncorrectedErrors: state.uncorrectedErrors }), nowMs).exclusion === null,
      ).toBe(state.exclusion === null || nowMs >= state.exclusion.untilMs);
      const well = read({ uncorrectedErrors: state.uncorrectedErrors });
      const calm = comesOf([[900, well]], state, nowMs);
      expect(calm.state.exclusion).toBeNull();
    }),
  );
});
