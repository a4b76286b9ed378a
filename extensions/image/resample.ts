import { type Taps, tapsOf } from "./filters.ts";
import { lineScaler, type Scaling } from "./line-scaler.ts";
import type { Resample } from "./op.ts";
import { opencvLinear } from "./opencv-linear.ts";
import type { Pixels, Region, Size } from "./pixels.ts";

/**
 * Scales a region of an image bit for bit like `Image.resize` of Pillow 13. It scales in one direction,
 * rounds to bytes, and scales in the other. `opencvLinear` follows OpenCV. Pixels outside the region are not
 * computed.
 *
 * @param region region inside `size`
 * @returns pixels that are valid until the next image is scaled or decoded in this thread
 */
export function resampled(image: Pixels, size: Size, resample: Resample, region: Region): Pixels {
  if (resample === "nearest") return nearest(image, size, region);
  if (resample === "opencvLinear") return opencvLinear(image, size, region);
  const { x, y, width, height } = region;
  const across =
    size.width === image.width ? null : tapsOf(resample, image.width, size.width, [x, x + width]);
  const down =
    size.height === image.height ? null : tapsOf(resample, image.height, size.height, [y, y + height]);
  const columns = across === null ? { start: x, length: width } : sourceUnder(across);
  const rows = down === null ? { start: y, length: height } : sourceUnder(down);
  const used = { x: columns.start, y: rows.start, width: columns.length, height: rows.length };
  if (across === null && down === null) return cut(image, used);
  const scaling: Scaling = [
    ...(across === null ? [] : [{ direction: "across", taps: across } as const]),
    ...(down === null ? [] : [{ direction: "down", taps: down } as const]),
  ];
  return lineScaler().scale(image, used, isDownFirst(image, size) ? scaling.toReversed() : scaling);
}

/**
 * Chooses the first direction like Pillow since version 13. Earlier versions always scaled horizontally
 * first.
 */
function isDownFirst(image: Size, { width, height }: Size): boolean {
  return height < image.height && image.height - height > 2 * (image.width - width);
}

/** Returns the pixels of a region inside an image. Whole rows are views. */
function cut(image: Pixels, { x, y, width, height }: Region): Pixels {
  const { channels } = image;
  const lineBytes = width * channels;
  if (width === image.width)
    return { width, height, channels, data: image.data.subarray(y * lineBytes, (y + height) * lineBytes) };
  const data = new Uint8Array(height * lineBytes);
  for (let row = 0; row < height; row += 1) {
    const start = ((y + row) * image.width + x) * channels;
    data.set(image.data.subarray(start, start + lineBytes), row * lineBytes);
  }
  return { width, height, channels, data };
}

/** Returns the source pixels of a line that have weights. */
function sourceUnder({ first, offsets }: Taps): { readonly start: number; readonly length: number } {
  const last = first.length - 1;
  const reach = (offsets[last + 1] ?? 0) - (offsets[last] ?? 0);
  const start = first[0] ?? 0;
  return { start, length: (first[last] ?? 0) + reach - start };
}

/** Scales by nearest neighbour. The accumulated rounding follows Pillow's affine transform. */
function nearest(image: Pixels, size: Size, { x, y, width, height }: Region): Pixels {
  const { channels, data } = image;
  const columns = places(image.width, size.width).subarray(x, x + width);
  const rows = places(image.height, size.height).subarray(y, y + height);
  const out = new Uint8Array(width * height * channels);
  let at = 0;
  for (const row of rows) {
    for (const column of columns) {
      const from = (row * image.width + column) * channels;
      for (let channel = 0; channel < channels; channel += 1) out[at + channel] = data[from + channel] ?? 0;
      at += channels;
    }
  }
  return { width, height, channels, data: out };
}

function places(from: number, to: number): Int32Array {
  const step = from / to;
  const found = new Int32Array(to);
  let at = step * 0.5;
  for (let pixel = 0; pixel < to; pixel += 1) {
    found[pixel] = Math.min(from - 1, Math.trunc(at));
    at += step;
  }
  return found;
}
