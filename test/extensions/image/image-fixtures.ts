import fc from "fast-check";
import { type Decoded, ImageDecoder } from "../../../extensions/image/decode.ts";
import {
  CHANNEL_ORDERS,
  IMAGE_DTYPES,
  IMAGE_LAYOUTS,
  type ImagePlan,
  RESAMPLES,
} from "../../../extensions/image/op.ts";
import type { Pixels } from "../../../extensions/image/pixels.ts";
import { imageFile } from "../../support/image-files.ts";

/** Returns a plan for images of one pixel, without changes. */
export function anImagePlan(facts: Partial<ImagePlan> = {}): ImagePlan {
  return {
    ...{ resize: null, crop: null, resample: "bilinear" },
    ...{ channels: "rgb", layout: "nchw", dtype: "float32" },
    ...{ rescale: 1, mean: [0, 0, 0], std: [1, 1, 1] },
    ...{ orient: true, maxPixels: 1_000_000, width: 1, height: 1 },
    ...facts,
  };
}

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

const decoder = new ImageDecoder(async () => null);

/** Decodes an image by libvips, or another decoder. */
export function decodeFile(
  bytes: Uint8Array,
  options: Partial<Parameters<ImageDecoder["decode"]>[1]> = {},
  by = decoder,
): Promise<Decoded<Pixels>> {
  const usual = { orient: true, channels: "rgb", maxPixels: 1_000_000 } as const;
  const copied = (image: Pixels) => ({ ...image, data: Uint8Array.from(image.data) });
  return by.decode(bytes, { ...usual, ...options }, copied, new AbortController().signal);
}

export async function pixelsOf(name: string, channels: "rgb" | "gray" = "rgb"): Promise<Pixels> {
  const decoded = await decodeFile(imageFile(name), { channels });
  if (decoded.kind === "refused") throw new Error(decoded.why);
  return decoded.image;
}
