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
        "How `resize` makes pixels of pixels: Pillow's filters, or OpenCV's usual one (`opencvLinear`), to the bit. " +
          "Left out: what the model's folder says, else `bilinear`.",
      ),
    rescale: z
      .number()
      .exactOptional()
      .describe(
        "A value is `(pixel * rescale - mean) / std`, of pixels 0 to 255. Left out: what the model's folder " +
          "says, else 1/255; 1 for uint8 tensors.",
      ),
    mean: byChannel
      .exactOptional()
      .describe(
        "A number, or one for each channel in the order of `channels`: `[0.485, 0.456, 0.406]`. Left out: what the model's " +
          "folder says, else 0.",
      ),
    std: byChannel
      .exactOptional()
      .describe(
        "A number, or one for each channel: `[0.229, 0.224, 0.225]`. Left out: what the model's folder says, else 1.",
      ),
    channels: z
      .enum(CHANNEL_ORDERS)
      .exactOptional()
      .describe(
        "What the values of a pixel are, in order. `gray`: one, as Pillow's mode L. Left out: what the model's folder says, else `rgb`.",
      ),
    layout: z
      .enum(IMAGE_LAYOUTS)
      .exactOptional()
      .describe(
        "`nchw`: one channel after the other; `nhwc`: those of a pixel side by side. Left out: what the model's shape " +
          "says, and `nchw` where it says nothing.",
      ),
    orient: z.boolean().default(true).describe("Whether an image is turned as its EXIF data say."),
    maxPixels: z
      .int()
      .min(1)
      .max(2 ** 31 - 1)
      .default(MAX_PIXELS)
      .describe(
        "An image that says it has more is a dead letter, and is not decoded: each takes 4 bytes of memory, or more.",
      ),
    folder: folder.describe(
      "Where relative paths start from when the column has paths, relative to the job file, in a bucket or on the web. Workers read the files there.",
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
        width: edge.exactOptional().describe("With `height`: exactly so, whatever the ratio was."),
        height: edge.exactOptional().describe("With `width`."),
        pad: z
          .int()
          .min(0)
          .max(MAX_BYTE)
          .exactOptional()
          .describe("With `longestEdge`: what fills the square, 0 to 255 in each channel. Left out: 0."),
        place: z
          .enum(["center", "topLeft"])
          .exactOptional()
          .describe("With `longestEdge`: where the image lies in the square. Left out: `center`."),
        round: z
          .enum(EDGE_ROUNDINGS)
          .exactOptional()
          .describe(
            "How the edge that keeps the ratio becomes a whole number. `floor` cuts it, as `int(w * r)` of YOLOX. `round` takes the " +
              "nearest, of two the even one, as Pillow's `ImageOps.pad` and Ultralytics. Left out: `floor` with " +
              "`shortestEdge`, as Hugging Face and torchvision; `round` with `longestEdge`.",
          ),
      })
      .exactOptional()
      .describe(
        "How an image is scaled: `{ shortestEdge: 256 }`, `{ width: 224, height: 224 }` or " +
          "`{ longestEdge: 640, pad: 114 }`. Left out: as the model's folder says, else it is not.",
      ),
    crop: z
      .strictObject({
        width: edge.describe("In pixels."),
        height: edge.describe("In pixels."),
        round: z
          .enum(CROP_ROUNDINGS)
          .exactOptional()
          .describe(
            "Where the centre lies between two pixels: `down`, to the upper left, as the processors of Hugging Face; " +
              "`halfToEven`, to the even one, as torchvision and timm. Left out: `down`.",
          ),
      })
      .exactOptional()
      .describe(
        "What is cut out around the centre, after `resize`. Where an image is smaller, it is padded with 0. " +
          "Left out: as the model's folder says, else nothing is.",
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
    refuse(context, [key], "has not one number for each channel", {
      expected:
        count === 1 ? "one number for `gray`" : `one number, or ${count} for \`${channels ?? "rgb"}\``,
      found: String(values.length),
    });
  }
  if ([std].flat().includes(0)) {
    refuse(context, ["std"], "values are divided by it", { expected: "no zero" });
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
    refuse(context, ["resize"], "does not say one size", {
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
