import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { lineScaler } from "../../../extensions/image/line-scaler.ts";
import { imageArray, ValueWriter } from "../../../extensions/image/values.ts";
import { encodeHalf } from "../../../shared/core/float16.ts";
import { anImagePlan } from "./image-fixtures.ts";

/** An image of two pixels in a row. */
const image = { width: 2, height: 1, channels: 3, data: Uint8Array.of(0, 51, 255, 102, 153, 204) } as const;
const size = { width: 2, height: 1 };

function valuesOf(change: Parameters<typeof anImagePlan>[0]): number[] {
  const plan = anImagePlan({ ...size, ...change });
  const values = imageArray(plan, 2);
  new ValueWriter(plan).write(image, values, 6);
  expect([...values.subarray(0, 6)]).toEqual([0, 0, 0, 0, 0, 0]);
  return [...values.subarray(6)];
}

describe("ValueWriter", () => {
  it("channels are written one after another, or interleaved by pixel", () => {
    expect(valuesOf({ layout: "nchw", dtype: "uint8" })).toEqual([0, 102, 51, 153, 255, 204]);
    expect(valuesOf({ layout: "nhwc", dtype: "uint8" })).toEqual([0, 51, 255, 102, 153, 204]);
  });

  it("the order of channels is reversed for `bgr`", () => {
    expect(valuesOf({ channels: "bgr", layout: "nhwc", dtype: "uint8" })).toEqual([
      255, 51, 0, 204, 153, 102,
    ]);
    expect(valuesOf({ channels: "bgr", layout: "nchw", dtype: "uint8" })).toEqual([
      255, 204, 51, 153, 0, 102,
    ]);
  });

  it("values are rounded to float32 after each step, as in NumPy", () => {
    const spec = {
      layout: "nhwc",
      rescale: 1 / 255,
      mean: [0.485, 0.485, 0.485],
      std: [0.229, 0.229, 0.229],
    } as const;
    expect(valuesOf(spec)).toEqual([
      -2.1179039478302, -1.2445416450500488, 2.248908281326294, -0.37117907404899597, 0.5021834373474121,
      1.375545859336853,
    ]);
  });

  it("values are scaled, reduced by the mean and divided, for each channel of the tensor", () => {
    const spec = { layout: "nhwc", rescale: 1 / 255, mean: [0, 0.2, 1], std: [1, 0.5, 2] } as const;
    const expected = [0, 0, 0, 0.4, 0.8, -0.1];
    expect(valuesOf(spec).map((value) => Number(value.toFixed(6)))).toEqual(expected);
    const bgr = { layout: "nhwc", channels: "bgr", mean: [255, 0, 0] } as const;
    expect(valuesOf(bgr)).toEqual([0, 51, 0, -51, 153, 102]);
  });

  it("values are rounded to half precision once", () => {
    const third = 1 / 3;
    expect(valuesOf({ layout: "nhwc", dtype: "float16", rescale: third })).toEqual(
      [...image.data].map((byte) => encodeHalf(byte * third)),
    );
  });

  it("values are the same in any layout, order, size, type and place of the image", () => {
    const edge = fc.integer({ min: 1, max: 20 });
    const property = fc.property(
      fc.record({ width: edge, height: edge }),
      fc.constantFrom("nchw" as const, "nhwc" as const),
      fc.constantFrom("rgb" as const, "bgr" as const),
      fc.constantFrom("float32" as const, "uint8" as const),
      fc.boolean(),
      ({ width, height }, layout, channels, dtype, isDecoded) => {
        const plan = anImagePlan({ width, height, layout, channels, dtype, mean: [1, 2, 3] });
        const count = 3 * width * height;
        const data = Uint8Array.from({ length: count }, (_, index) => 3 + ((index * 89) % 253));
        const given = isDecoded ? lineScaler().frame(count) : data;
        given.set(data);
        const values = imageArray(plan, 3);
        new ValueWriter(plan).write({ width, height, channels: 3, data: given }, values, count);
        const expected = Array.from({ length: 3 * count }, () => 0);
        for (const [index, byte] of data.entries()) {
          const [pixel, place] = [Math.floor(index / 3), index % 3];
          const channel = channels === "bgr" ? 2 - place : place;
          const at = layout === "nchw" ? channel * width * height + pixel : 3 * pixel + channel;
          expected[count + at] = byte - (channel + 1);
        }
        expect([...values]).toEqual(expected);
      },
    );
    fc.assert(property, { numRuns: 200 });
  });
});
