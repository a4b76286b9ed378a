import type * as z from "zod";
import type { Zod } from "../../shared/core/zod.ts";
import type { SpecParts } from "../../shared/extension/feature.ts";
import {
  CHANNEL_ORDERS,
  CROP_ROUNDINGS,
  channelCount,
  EDGE_ROUNDINGS,
  IMAGE_LAYOUTS,
  RESAMPLES,
} from "./op.ts";

/**
 * Limit of an edge, above that of any model. A row of such an image has 512 MiB of values, the limit of a
 * row.
 */
const MAX_EDGE = 16_384;
/** Largest value of a pixel, and of `pad`. */
const MAX_BYTE = 255;
/** Default limit of pixels, 8192 x 8192: 192 MiB decoded, and above a camera's 60 megapixels. */
const MAX_PIXELS = 67_108_864;

/** Builds the schema of an input's `image` key in the job file. */
export function imageSpec(z: Zod, { folder, refuse }: SpecParts) {
  return imageKeys(z, folder).superRefine((spec, context) => checkImageRules(spec, context, refuse));
}

function imageKeys(z: Zod, folder: SpecParts["folder"]) {
  const byChannel = z.union([z.number(), z.array(z.number()).min(1).max(3)]);
  return z.strictObject({
    ...sizeKeys(z),
    resample: z
      .enum(RESAMPLES)
      .exactOptional()
      .describe(
        "The filter of `resize`: one of Pillow's, or OpenCV's default (`opencvLinear`), with identical results. Default: that of the model's folder, or else `bilinear`.",
      ),
    rescale: z
      .number()
      .exactOptional()
      .describe(
        "A value is `(pixel * rescale - mean) / std`, for pixels from 0 to 255. Default: that of the model's folder, or else 1/255. For uint8 tensors: 1.",
      ),
    mean: byChannel
      .exactOptional()
      .describe(
        "A number, or one for each channel in the order of `channels`: `[0.485, 0.456, 0.406]`. Default: that of the model's folder, or else 0.",
      ),
    std: byChannel
      .exactOptional()
      .describe(
        "A number, or one for each channel: `[0.229, 0.224, 0.225]`. Default: that of the model's folder, or else 1.",
      ),
    channels: z
      .enum(CHANNEL_ORDERS)
      .exactOptional()
      .describe(
        "The values of a pixel, in order. `gray`: one value, as in Pillow's mode L. Default: that of the model's folder, or else `rgb`.",
      ),
    layout: z
      .enum(IMAGE_LAYOUTS)
      .exactOptional()
      .describe(
        "`nchw`: one channel after the other. `nhwc`: the channels of each pixel together. Default: from the model's shape, or else `nchw`.",
      ),
    orient: z.boolean().default(true).describe("Whether an image is rotated by its EXIF data."),
    maxPixels: z
      .int()
      .min(1)
      .max(2 ** 31 - 1)
      .default(MAX_PIXELS)
      .describe(
        "Limit of pixels. A larger image is a dead letter, and is not decoded. A pixel takes 4 bytes of memory or more.",
      ),
    folder: folder.describe(
      "The folder of relative paths, if the column has paths. It is relative to the job file, in a bucket or on the web. Workers read the files there.",
    ),
  });
}

/** Builds the schemas of the size keys. */
function sizeKeys(z: Zod) {
  const edge = z.int().min(1).max(MAX_EDGE);
  return {
    resize: z
      .strictObject({
        shortestEdge: edge
          .exactOptional()
          .describe("The length of the shorter edge. The other keeps the ratio; see `round`."),
        longestEdge: edge
          .exactOptional()
          .describe(
            "The length of the longer edge. The other keeps the ratio (see `round`), and `pad` fills a square.",
          ),
        width: edge.exactOptional().describe("With `height`: the exact width. The ratio is not kept."),
        height: edge.exactOptional().describe("With `width`."),
        pad: z
          .int()
          .min(0)
          .max(MAX_BYTE)
          .exactOptional()
          .describe(
            "With `longestEdge`: the value that fills the square, from 0 to 255 in each channel. Default: 0.",
          ),
        place: z
          .enum(["center", "topLeft"])
          .exactOptional()
          .describe("With `longestEdge`: the place of the image in the square. Default: `center`."),
        round: z
          .enum(EDGE_ROUNDINGS)
          .exactOptional()
          .describe(
            "How the other edge becomes a whole number. `floor` rounds down, as `int(w * r)` in YOLOX. `round` rounds to the nearest, and halves to even, as Pillow's `ImageOps.pad` and Ultralytics. Default with `shortestEdge`: `floor`, as in Hugging Face and torchvision. Default with `longestEdge`: `round`.",
          ),
      })
      .exactOptional()
      .describe(
        "How an image is scaled: `{ shortestEdge: 256 }`, `{ width: 224, height: 224 }` or " +
          "`{ longestEdge: 640, pad: 114 }`. Default: that of the model's folder, or else none.",
      ),
    crop: z
      .strictObject({
        width: edge.describe("In pixels."),
        height: edge.describe("In pixels."),
        round: z
          .enum(CROP_ROUNDINGS)
          .exactOptional()
          .describe(
            "The rounding of a centre between two pixels. `down`: to the upper left, as in the processors of Hugging Face. `halfToEven`: to the even pixel, as in torchvision and timm. Default: `down`.",
          ),
      })
      .exactOptional()
      .describe(
        "The part that is cut out around the centre, after `resize`. A smaller image is padded with 0. Default: that of the model's folder, or else none.",
      ),
  };
}

export type ImageSpec = z.output<ReturnType<typeof imageKeys>>;

function checkImageRules(
  { resize, crop, channels, mean, std }: ImageSpec,
  context: z.core.$RefinementCtx,
  refuse: SpecParts["refuse"],
): void {
  if (resize !== undefined) checkResize(resize, context, refuse);
  if (resize?.longestEdge !== undefined && crop !== undefined) {
    refuse(context, ["crop"], "`longestEdge` and `crop` exclude each other", {
      expected: "`longestEdge` alone: it gives squares",
    });
  }
  const count = channelCount(channels);
  for (const [key, values] of Object.entries({ mean, std })) {
    if (!Array.isArray(values) || values.length === count) continue;
    refuse(context, [key], "does not have one number for each channel", {
      expected:
        count === 1 ? "one number for `gray`" : `one number, or ${count} for \`${channels ?? "rgb"}\``,
      found: String(values.length),
    });
  }
  if ([std].flat().includes(0)) {
    refuse(context, ["std"], "contains 0, and values are divided by it", {
      expected: "other numbers than 0",
    });
  }
}

function checkResize(
  resize: NonNullable<ImageSpec["resize"]>,
  context: z.core.$RefinementCtx,
  refuse: SpecParts["refuse"],
): void {
  const has = (key: keyof typeof resize) => resize[key] !== undefined;
  const isExact = has("width") || has("height");
  const forms = [has("shortestEdge"), has("longestEdge"), isExact].filter((form) => form).length;
  if (forms !== 1 || has("width") !== has("height")) {
    refuse(context, ["resize"], "does not give exactly one size", {
      expected: "`shortestEdge`, or `longestEdge`, or `width` and `height`",
      found: Object.keys(resize).join(", ") || "nothing",
    });
  }
  for (const key of ["pad", "place"] as const) {
    if (!has(key) || has("longestEdge")) continue;
    refuse(context, ["resize", key], "there is nothing to fill", { expected: "only with `longestEdge`" });
  }
  if (has("round") && isExact)
    refuse(context, ["resize", "round"], "there is nothing to round", {
      expected: "only with `shortestEdge` or `longestEdge`",
    });
}
