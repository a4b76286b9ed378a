import { channelCount, type ImageDtype, type ImageResize, type PixelsPlan } from "./op.ts";
import type { Size } from "./pixels.ts";
import type { ImageSpec } from "./spec.ts";

/** Returns the plan of keys of the job file, with their defaults. */
export function pixelsPlan(
  spec: ImageSpec,
  { dtype, layout }: Pick<PixelsPlan, "dtype" | "layout">,
): PixelsPlan {
  const { crop = null, resample = "bilinear", channels = "rgb" } = spec;
  const { rescale = usualRescale(dtype), mean = 0, std = 1, orient, maxPixels } = spec;
  const byChannel = (values: number | readonly number[]) =>
    typeof values === "number" ? Array.from({ length: channelCount(channels) }, () => values) : values;
  return {
    ...{ resize: resizeOf(spec.resize), crop, resample, channels, layout, dtype, rescale },
    ...{ mean: byChannel(mean), std: byChannel(std), orient, maxPixels },
  };
}

function usualRescale(dtype: ImageDtype): number {
  return dtype === "uint8" ? 1 : 1 / 255;
}

function resizeOf(resize: ImageSpec["resize"]): ImageResize | null {
  const { shortestEdge, longestEdge, width, height, pad = 0, place = "center", round } = resize ?? {};
  const rounding = round === undefined ? {} : { round };
  if (shortestEdge !== undefined) return { kind: "shortestEdge", pixels: shortestEdge, ...rounding };
  if (longestEdge !== undefined) return { kind: "longestEdge", pixels: longestEdge, pad, place, ...rounding };
  return width === undefined || height === undefined ? null : { kind: "exact", width, height };
}

/** Returns the size of every image after resize and crop. Null: images have different sizes. */
export function fixedSize({ resize, crop }: Pick<PixelsPlan, "resize" | "crop">): Size | null {
  if (crop !== null) return crop;
  switch (resize?.kind) {
    case "exact":
      return resize;
    case "longestEdge":
      return { width: resize.pixels, height: resize.pixels };
    case "shortestEdge":
    case undefined:
      return null;
  }
}
