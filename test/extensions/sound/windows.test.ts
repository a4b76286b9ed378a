import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { type SoundPlan, type SoundWindows, valuesPerWindow } from "../../../extensions/sound/op.ts";
import { RowWriter } from "../../../extensions/sound/row-writer.ts";
import { countWindows, hasFilledWindow, writeWindows } from "../../../extensions/sound/windows.ts";

function cut(
  channels: readonly Float32Array[],
  windows: SoundWindows,
  layout: SoundPlan["layout"] = "channelsFirst",
): readonly (readonly number[])[] {
  const plan = { channels: channels.length, layout };
  const size = valuesPerWindow(plan, windows);
  const values = new Float32Array(countWindows(channels[0]?.length ?? 0, windows) * size);
  expect([...writeWindows(channels, windows, new RowWriter(plan), { values, at: 0 })]).toEqual([]);
  return Array.from({ length: values.length / size }, (_, at) => [
    ...values.subarray(at * size, (at + 1) * size),
  ]);
}

const SOUND = Float32Array.of(1, 2, 3, 4, 5, 6, 7);

describe("windows of a sound", () => {
  it("the last of adjacent windows is filled with zeros or dropped", () => {
    const windows = { window: 3, hop: 3, context: 0, pad: "zeros" } as const;
    expect(cut([SOUND], windows)).toEqual([
      [1, 2, 3],
      [4, 5, 6],
      [7, 0, 0],
    ]);
    expect(cut([SOUND], { ...windows, pad: "drop" })).toEqual([
      [1, 2, 3],
      [4, 5, 6],
    ]);
  });

  it("`pad: repeat` fills the last window with the start of the sound", () => {
    const windows = { window: 3, hop: 3, context: 2, pad: "repeat" } as const;
    expect(cut([SOUND], windows)).toEqual([
      [0, 0, 1, 2, 3],
      [2, 3, 4, 5, 6],
      [5, 6, 7, 1, 2],
    ]);
    const short = { window: 8, hop: 1, context: 0, pad: "repeat" } as const;
    expect(cut([SOUND.subarray(0, 3)], short)).toEqual([[1, 2, 3, 1, 2, 3, 1, 2]]);
    expect(cut([SOUND.subarray(0, 6)], { ...windows, context: 0 })).toEqual([
      [1, 2, 3],
      [4, 5, 6],
    ]);
  });

  it("the last window counts as filled where the sound ends inside it", () => {
    const windows = { window: 3, hop: 2, context: 5, pad: "zeros" } as const;
    expect([1, 2, 3, 4, 5, 6, 7].map((samples) => hasFilledWindow(samples, windows))).toEqual([
      true,
      true,
      false,
      true,
      false,
      true,
      false,
    ]);
    expect(hasFilledWindow(8, { ...windows, pad: "drop" })).toBe(false);
  });

  it("the context of a window is the samples before it, and zeros at the start", () => {
    expect(cut([SOUND], { window: 3, hop: 2, context: 2, pad: "zeros" })).toEqual([
      [0, 0, 1, 2, 3],
      [1, 2, 3, 4, 5],
      [3, 4, 5, 6, 7],
    ]);
  });

  it("channels are written one after another, or interleaved", () => {
    const windows = { window: 2, hop: 2, context: 0, pad: "drop" } as const;
    const other = SOUND.map((value) => -value);
    expect(cut([SOUND, other], windows)[1]).toEqual([3, 4, -3, -4]);
    expect(cut([SOUND, other], windows, "channelsLast")[1]).toEqual([3, -3, 4, -4]);
  });

  it("windows contain every sample of the sound at its place", () => {
    const any = fc.record({
      samples: fc.integer({ min: 1, max: 60 }),
      window: fc.integer({ min: 1, max: 20 }),
      hop: fc.integer({ min: 1, max: 20 }),
      context: fc.integer({ min: 0, max: 8 }),
    });
    const property = fc.property(any, ({ samples, window, hop: wanted, context }) => {
      const hop = Math.min(wanted, window);
      const sound = Float32Array.from({ length: samples }, (_, at) => at + 1);
      const made = cut([sound], { window, hop, context, pad: "zeros" });
      for (const [part, values] of made.entries()) {
        for (const [at, value] of values.entries()) {
          const sample = part * hop - context + at;
          expect(value).toBe(sample < 0 || sample >= samples ? 0 : sample + 1);
        }
      }
      const last = (made.length - 1) * hop;
      expect(last + window).toBeGreaterThanOrEqual(samples);
      // No window begins after one that has reached the end.
      expect(made.length === 1 || last - hop + window < samples).toBe(true);
      expect(cut([sound], { window, hop, context, pad: "drop" })).toEqual(
        made.filter((_, part) => part * hop + window <= samples),
      );
    });
    fc.assert(property);
  });
});
