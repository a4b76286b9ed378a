import type * as z from "zod";
import type { Zod } from "../../shared/core/zod.ts";
import type { SpecParts } from "../../shared/extension/feature.ts";
import { columnName } from "../../shared/input-sources/input-source.ts";
import {
  CHANNEL_ORDERS,
  CROP_ROUNDINGS,
  channelCount,
  EDGE_ROUNDINGS,
  IMAGE_DTYPES,
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

/** Builds the schema of the step `image` in the job file. */
export function pixelsSpec(z: Zod, { folder, maxBytes, refuse }: SpecParts) {
  return pixelsKeys(z, folder, maxBytes).superRefine((spec, context) => {
    checkImageRules(spec, context, refuse);
    if (spec.dtype === "uint8" && !isPlain(spec))
      refuse(context, ["dtype"], "`rescale`, `mean` and `std` do not make bytes", {
        expected: "`dtype: float32` with these keys",
      });
  });
}

function pixelsKeys(z: Zod, folder: SpecParts["folder"], maxBytes: SpecParts["maxBytes"]) {
  return z.strictObject({
    column: columnName(z).describe("The column of images: the bytes of files, or their paths."),
    as: columnName(z)
      .default("pixels")
      .describe(
        "The column of pixels that is added. Others have its name with `_width`, `_height`, `_file_width` and `_file_height` after it. Default: `pixels`.",
      ),
    dtype: z
      .enum(IMAGE_DTYPES)
      .default("uint8")
      .describe("The type of the pixels. `uint8` has them unchanged. Default: `uint8`."),
    ...pictureKeys(z, folder, (usual) => usual),
    layout: z
      .enum(IMAGE_LAYOUTS)
      .default("nhwc")
      .describe(
        "`nhwc`: the channels of each pixel together, as in Pillow and NumPy. `nchw`: one channel after the other. Default: `nhwc`.",
      ),
    maxBytes,
  });
}

/** Values that the job file or the model's folder may give. */
type Default = (usual: string) => string;

const OF_FOLDER: Default = (usual) => `that of the model's folder, or else ${usual}`;

function imageKeys(z: Zod, folder: SpecParts["folder"]) {
  return z.strictObject({
    ...pictureKeys(z, folder, OF_FOLDER),
    layout: z
      .enum(IMAGE_LAYOUTS)
      .exactOptional()
      .describe(
        "`nchw`: one channel after the other. `nhwc`: the channels of each pixel together. Default: from the model's shape, or else `nchw`.",
      ),
  });
}

/** Builds the schemas of the keys that inputs and steps share. @param or names a default */
function pictureKeys(z: Zod, folder: SpecParts["folder"], or: Default) {
  const byChannel = z.union([z.number(), z.array(z.number()).min(1).max(3)]);
  return {
    ...sizeKeys(z, or),
    resample: z
      .enum(RESAMPLES)
      .exactOptional()
      .describe(
        `The filter of \`resize\`: one of Pillow's, or OpenCV's default (\`opencvLinear\`), with identical results. Default: ${or("`bilinear`")}.`,
      ),
    rescale: z
      .number()
      .exactOptional()
      .describe(
        `A value is \`(pixel * rescale - mean) / std\`, for pixels from 0 to 255. Default: ${or("1/255")}. For uint8: 1.`,
      ),
    mean: byChannel
      .exactOptional()
      .describe(
        `A number, or one for each channel in the order of \`channels\`: \`[0.485, 0.456, 0.406]\`. Default: ${or("0")}.`,
      ),
    std: byChannel
      .exactOptional()
      .describe(`A number, or one for each channel: \`[0.229, 0.224, 0.225]\`. Default: ${or("1")}.`),
    channels: z
      .enum(CHANNEL_ORDERS)
      .exactOptional()
      .describe(
        `The values of a pixel, in order. \`gray\`: one value, as in Pillow's mode L. Default: ${or("`rgb`")}.`,
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
  };
}

/** Builds the schemas of the size keys. */
function sizeKeys(z: Zod, or: Default) {
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
          `\`{ longestEdge: 640, pad: 114 }\`. Default: ${or("none")}.`,
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
        `The part that is cut out around the centre, after \`resize\`. A smaller image is padded with 0. Default: ${or("none")}.`,
      ),
  };
}

export type ImageSpec = z.output<ReturnType<typeof imageKeys>>;
export type PixelsSpec = z.output<ReturnType<typeof pixelsKeys>>;

/** Checks whether values are the unchanged pixels. */
export function isPlain({ rescale = 1, mean = 0, std = 1 }: Pick<ImageSpec, "rescale" | "mean" | "std">) {
  const all = (values: number | readonly number[], value: number) =>
    [values].flat().every((each) => each === value);
  return rescale === 1 && all(mean, 0) && all(std, 1);
}

function checkImageRules(
  { resize, crop, channels, mean, std }: Omit<ImageSpec, "layout">,
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
