import { formatBytes } from "../../shared/core/units.ts";
import type { Zod } from "../../shared/core/zod.ts";
import { type FileCells, fileCells } from "../../shared/domain/file-cells.ts";
import type { FeatureSpec } from "../../shared/domain/step-binding.ts";
import type { Size } from "./pixels.ts";

/** Pillow's filters, by its numbers. Its box and hamming filters are unsupported. */
export const PILLOW_FILTERS = ["nearest", "lanczos", "bilinear", "bicubic"] as const;

/** Filters that resize images. */
export const RESAMPLES = [...PILLOW_FILTERS, "opencvLinear"] as const;
export type Resample = (typeof RESAMPLES)[number];

/** Orders of a pixel's values. Grey has one value. */
export const CHANNEL_ORDERS = ["rgb", "bgr", "gray"] as const;
type ChannelOrder = (typeof CHANNEL_ORDERS)[number];

/** Layouts of a tensor: channel by channel, or pixel by pixel. */
export const IMAGE_LAYOUTS = ["nchw", "nhwc"] as const;
type ImageLayout = (typeof IMAGE_LAYOUTS)[number];

/** Roundings of a centre between two pixels: towards the upper left, or to the even pixel. */
export const CROP_ROUNDINGS = ["down", "halfToEven"] as const;

/** Crop around the centre. Default of `round`: `down`. */
export interface ImageCrop {
  readonly width: number;
  readonly height: number;
  readonly round?: (typeof CROP_ROUNDINGS)[number];
}

/** Roundings of the edge that keeps the aspect ratio. */
export const EDGE_ROUNDINGS = ["floor", "round"] as const;
export type EdgeRounding = (typeof EDGE_ROUNDINGS)[number];

/** Supported dtypes of image tensors. */
export const IMAGE_DTYPES = ["float32", "float16", "uint8"] as const;
export type ImageDtype = (typeof IMAGE_DTYPES)[number];

/** Scaling of an image before the crop. */
export type ImageResize =
  /** Sets the shorter edge, and the other keeps the ratio. Default of `round`: `floor`. */
  | { readonly kind: "shortestEdge"; readonly pixels: number; readonly round?: EdgeRounding }
  | { readonly kind: "exact"; readonly width: number; readonly height: number }
  /**
   * Sets the longer edge, and fills a square with `pad`, around the image or beside it. Default of `round`:
   * `round`.
   */
  | {
      readonly kind: "longestEdge";
      readonly pixels: number;
      readonly pad: number;
      readonly place: "center" | "topLeft";
      readonly round?: EdgeRounding;
    };

/**
 * Plan that turns an image into values: scale, crop around the centre, `(pixel * rescale - mean) / std`.
 * Plain JSON.
 */
export interface ImagePlan {
  readonly resize: ImageResize | null;
  readonly crop: ImageCrop | null;
  readonly resample: Resample;
  readonly channels: ChannelOrder;
  readonly layout: ImageLayout;
  readonly dtype: ImageDtype;
  readonly rescale: number;
  /** Means by channel, in the order of `channels`. */
  readonly mean: readonly number[];
  readonly std: readonly number[];
  /** True when images are rotated by their EXIF data. */
  readonly orient: boolean;
  /** Limit of an image's declared pixels. Larger images are not decoded. */
  readonly maxPixels: number;
  /** Width that the model takes. */
  readonly width: number;
  readonly height: number;
}

/** Part of a plan that does not depend on a model. */
export type PixelsPlan = Omit<ImagePlan, "width" | "height">;

/** Step that turns a column of images into columns of pixels and sizes. */
export interface PixelsOp extends PixelsPlan {
  readonly cells: FileCells;
  /** Column of pixels. The columns of sizes are named after it. */
  readonly as: string;
  /** Size of all images. Null: each image has its own. */
  readonly size: Size | null;
  /** Limit of the pixels of an image. */
  readonly maxBytes: number;
}

/** Builds the schema of a step that makes columns. */
export function pixelsOp(z: Zod) {
  const count = z.int().min(0);
  return imageOp(z)
    .omit({ width: true, height: true })
    .extend({
      cells: fileCells(z),
      as: z.string(),
      size: z.object({ width: count, height: count }).nullable(),
      maxBytes: count,
    });
}

/** Returns the columns of sizes behind a column of pixels: of the pixels, and of the image in the file. */
export function sizeColumns(as: string) {
  return [
    { name: `${as}_width`, of: "size", edge: "width" },
    { name: `${as}_height`, of: "size", edge: "height" },
    { name: `${as}_file_width`, of: "file", edge: "width" },
    { name: `${as}_file_height`, of: "file", edge: "height" },
  ] as const;
}

const DTYPE_BYTES = { float32: 4, float16: 2, uint8: 1 } as const satisfies Record<ImageDtype, number>;

/** Returns the bytes of an image's pixels. */
export function bytesOfPixels(
  { width, height }: Size,
  { channels, dtype }: Pick<PixelsPlan, "channels" | "dtype">,
): number {
  return width * height * channelCount(channels) * DTYPE_BYTES[dtype];
}

/** Returns the bytes of the largest row of a step that makes columns. */
export function mostPixelBytes(op: PixelsOp): number {
  return op.size === null ? op.maxBytes : bytesOfPixels(op.size, op);
}

/** Describes a step that makes columns. */
export function pixelsText(op: PixelsOp): string {
  return `${imageText(op)}, at most ${formatBytes(mostPixelBytes(op))}`;
}

/** Builds the schema of a step. */
export function imageOp(z: Zod) {
  const count = z.int().min(0);
  const size = { width: count, height: count };
  const round = z.enum(EDGE_ROUNDINGS).exactOptional();
  const place = z.enum(["center", "topLeft"]);
  const resizes = [
    z.object({ kind: z.literal("shortestEdge"), pixels: count, round }),
    z.object({ kind: z.literal("exact"), ...size }),
    z.object({ kind: z.literal("longestEdge"), pixels: count, pad: count, place, round }),
  ] as const;
  return z.object({
    resize: z.union(resizes).nullable(),
    crop: z.object({ ...size, round: z.enum(CROP_ROUNDINGS).exactOptional() }).nullable(),
    resample: z.enum(RESAMPLES),
    channels: z.enum(CHANNEL_ORDERS),
    layout: z.enum(IMAGE_LAYOUTS),
    dtype: z.enum(IMAGE_DTYPES),
    rescale: z.number(),
    mean: z.array(z.number()),
    std: z.array(z.number()),
    orient: z.boolean(),
    maxPixels: count,
    ...size,
  });
}

export type FactsResize =
  | { readonly shortestEdge: number }
  | { readonly width: number; readonly height: number };

/** Image facts of a model's folder. Null: the step is absent. */
export interface ImageFacts {
  readonly resize: FactsResize | null;
  readonly resample: Resample | null;
  readonly crop: ImageCrop | null;
  readonly rescale: number | null;
  readonly mean: readonly number[] | null;
  readonly std: readonly number[] | null;
  readonly channels: "rgb" | "bgr";
}

/** File in which Hugging Face's processors describe image preparation. */
export const PREPROCESSOR = "preprocessor_config.json";

/** Group of `config.json` in which timm describes image preparation. */
export const TIMM_GROUP = "pretrained_cfg";

/** Returns the name of the source of a folder's facts. */
export function imageFactsSource(read: readonly string[]): string {
  return read.includes(PREPROCESSOR) ? PREPROCESSOR : `config.json: ${TIMM_GROUP}`;
}

/**
 * Returns the keys of `image` that facts can replace. A longest edge makes squares, which are not cropped.
 */
export function imageFactKeys({ resize }: FeatureSpec): readonly string[] {
  const isSquare = typeof resize === "object" && resize !== null && "longestEdge" in resize;
  return ["resize", "resample", ...(isSquare ? [] : ["crop"]), "rescale", "mean", "std"];
}

/** Returns the number of channels. Default: three. */
export function channelCount(channels?: ChannelOrder): 1 | 3 {
  return channels === "gray" ? 1 : 3;
}

/** Describes the image facts of a model's folder. */
export function imageFactsText(facts: ImageFacts): string {
  const { resize, resample, crop, rescale, mean, std, channels } = facts;
  const parts: string[] = [];
  if (resize !== null) {
    const size =
      "shortestEdge" in resize
        ? `shortest edge ${resize.shortestEdge}`
        : `${resize.width} x ${resize.height}`;
    parts.push(`resize to ${size}${resample === null ? "" : `, ${resample}`}`);
  }
  if (crop !== null) parts.push(cropText(crop));
  if (rescale !== null) parts.push(`* ${Number(rescale.toPrecision(6))}`);
  if (mean !== null) parts.push(`mean ${mean.join(" ")}`);
  if (std !== null) parts.push(`std ${std.join(" ")}`);
  return [...parts, channels].join("; ");
}

/**
 * Describes the processing of images, in order: `shortest edge 256 (bilinear), crop 224 x 224, rgb, nchw`.
 */
export function imageText(plan: PixelsPlan): string {
  const { crop, channels, layout, rescale, mean, std, orient } = plan;
  const isPlain = rescale === 1 && mean.every((value) => value === 0) && std.every((value) => value === 1);
  const parts = [
    ...(orient ? [] : ["not turned"]),
    ...(plan.resize === null ? [] : [`${resizeText(plan.resize)} (${plan.resample})`]),
    ...(crop === null ? [] : [cropText(crop)]),
    ...(isPlain ? [] : [`(x * ${rounded(rescale)} - ${listed(mean)}) / ${listed(std)}`]),
    channels,
    layout,
  ];
  return parts.join(", ");
}

/** Describes a crop. The default rounding is not mentioned. */
function cropText({ width, height, round = "down" }: ImageCrop): string {
  return `crop ${width} x ${height}${round === "down" ? "" : " (centre to even)"}`;
}

function resizeText(resize: NonNullable<ImagePlan["resize"]>): string {
  switch (resize.kind) {
    case "exact":
      return `${resize.width} x ${resize.height}`;
    case "shortestEdge":
      return `shortest edge ${resize.pixels}${roundText(resize)}`;
    case "longestEdge":
      return `longest edge ${resize.pixels}${roundText(resize)}, ${resize.place === "center" ? "around" : "beside"} it ${resize.pad}`;
  }
}

function roundText({ round }: { readonly round?: EdgeRounding }): string {
  return round === undefined ? "" : ` (other edge: ${round})`;
}

/** Lists the numbers of the channels, or one number if all are equal. */
function listed(values: readonly number[]): string {
  const texts = values.map(rounded);
  return texts.every((text) => text === texts[0]) ? (texts[0] ?? "") : `[${texts.join(", ")}]`;
}

function rounded(value: number): string {
  return String(Number(value.toPrecision(4)));
}
