import type { FileCells } from "./file-cells.ts";

/** Pillow's filters, by its numbers. Its others, box and hamming, are not known here. */
export const PILLOW_FILTERS = ["nearest", "lanczos", "bilinear", "bicubic"] as const;

/** How pixels are made of the pixels of another size. */
export const RESAMPLES = [...PILLOW_FILTERS, "opencvLinear"] as const;
export type Resample = (typeof RESAMPLES)[number];

/** In which order the values of a pixel come; grey is one value. */
export const CHANNEL_ORDERS = ["rgb", "bgr", "gray"] as const;
type ChannelOrder = (typeof CHANNEL_ORDERS)[number];

/** Whether a tensor has its channels one after the other, or each pixel's side by side. */
export const IMAGE_LAYOUTS = ["nchw", "nhwc"] as const;
type ImageLayout = (typeof IMAGE_LAYOUTS)[number];

/** Where what is cut lies half a pixel off the centre: towards the upper left, or at the even pixel. */
export const CROP_ROUNDINGS = ["down", "halfToEven"] as const;

/** What is cut out around the centre. Where it does not say how it rounds: down. */
export interface ImageCrop {
  readonly width: number;
  readonly height: number;
  readonly round?: (typeof CROP_ROUNDINGS)[number];
}

/** How the edge that keeps the ratio becomes a whole number. */
export const EDGE_ROUNDINGS = ["floor", "round"] as const;
export type EdgeRounding = (typeof EDGE_ROUNDINGS)[number];

/** The dtypes of tensors that images are made into. */
export const IMAGE_DTYPES = ["float32", "float16", "uint8"] as const;
export type ImageDtype = (typeof IMAGE_DTYPES)[number];

/** How an image is scaled before it is cropped. */
export type ImageResize =
  /** Its shorter edge gets this length, and the other keeps the ratio. Default: `floor`. */
  | { readonly kind: "shortestEdge"; readonly pixels: number; readonly round?: EdgeRounding }
  | { readonly kind: "exact"; readonly width: number; readonly height: number }
  /** Its longer edge gets this length, and `pad` fills a square around it or behind it. Default: `round`. */
  | {
      readonly kind: "longestEdge";
      readonly pixels: number;
      readonly pad: number;
      readonly place: "center" | "topLeft";
      readonly round?: EdgeRounding;
    };

/**
 * What becomes of an image before it is values: scaled, cropped around its centre, turned into
 * `(pixel * rescale - mean) / std`. Plain JSON.
 */
export interface ImagePlan {
  readonly resize: ImageResize | null;
  readonly crop: ImageCrop | null;
  readonly resample: Resample;
  readonly channels: ChannelOrder;
  readonly layout: ImageLayout;
  readonly dtype: ImageDtype;
  readonly rescale: number;
  /** By channel, in the order of `channels`. */
  readonly mean: readonly number[];
  readonly std: readonly number[];
  /** Whether an image is turned as its EXIF data say. */
  readonly orient: boolean;
  /** Images that say that they have more are not decoded. */
  readonly maxPixels: number;
  /** What the model wants after that. */
  readonly width: number;
  readonly height: number;
}

/** A column of images turned into a column of tensor values. */
export interface ImageOp extends ImagePlan {
  readonly kind: "image";
  readonly cells: FileCells;
}

/** Where an order is said; the usual one has three. */
export function channelCount(channels?: ChannelOrder): 1 | 3 {
  return channels === "gray" ? 1 : 3;
}
