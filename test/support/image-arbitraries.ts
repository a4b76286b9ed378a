import fc from "fast-check";
import {
  CHANNEL_ORDERS,
  IMAGE_DTYPES,
  IMAGE_LAYOUTS,
  type ImagePlan,
  RESAMPLES,
} from "../../extensions/image/op.ts";

const count = fc.nat();
const imageSize = { width: count, height: count };
const edge = { pixels: count, round: fc.constantFrom("floor" as const, "round" as const) };
/** Plans of images. */
export const imagePlan: fc.Arbitrary<ImagePlan> = fc.record({
  resize: fc.option(
    fc.oneof(
      fc.record({ kind: fc.constant("shortestEdge" as const), ...edge }),
      fc.record({ kind: fc.constant("exact" as const), ...imageSize }),
      fc.record({
        kind: fc.constant("longestEdge" as const),
        ...edge,
        pad: count,
        place: fc.constantFrom("center" as const, "topLeft" as const),
      }),
    ),
  ),
  crop: fc.option(fc.record(imageSize)),
  resample: fc.constantFrom(...RESAMPLES),
  channels: fc.constantFrom(...CHANNEL_ORDERS),
  layout: fc.constantFrom(...IMAGE_LAYOUTS),
  dtype: fc.constantFrom(...IMAGE_DTYPES),
  rescale: fc.double({ noNaN: true, noDefaultInfinity: true, min: 0 }),
  mean: fc.array(fc.integer(), { maxLength: 3 }),
  std: fc.array(fc.integer(), { maxLength: 3 }),
  orient: fc.boolean(),
  maxPixels: count,
  ...imageSize,
});
