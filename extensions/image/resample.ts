import { type Taps, tapsOf, WEIGHT_BITS } from "./filters.ts";
import type { Resample } from "./op.ts";
import { opencvLinear } from "./opencv-linear.ts";
import type { Pixels, Region, Size } from "./pixels.ts";
import { lineScaler } from "./resample-simd.ts";

/**
 * Scales a region of an image bit for bit like `Image.resize` of Pillow 13. It scales in one direction,
 * rounds to bytes, and scales in the other. `opencvLinear` follows OpenCV. Pixels outside the region are not
 * computed.
 *
 * @param region region inside `size`
 */
export function resampled(image: Pixels, size: Size, resample: Resample, region: Region): Pixels {
  if (resample === "nearest") return nearest(image, size, region);
  if (resample === "opencvLinear") return opencvLinear(image, size, region);
  const { x, y, width, height } = region;
  const isSame = { across: size.width === image.width, down: size.height === image.height };
  const across = isSame.across ? null : tapsOf(resample, image.width, size.width, [x, x + width]);
  const down = isSame.down ? null : tapsOf(resample, image.height, size.height, [y, y + height]);
  const columns = across === null ? { x, width } : { x: 0, width: image.width };
  const rows = down === null ? { y, height } : rowsUnder(down);
  const used = cut(image, { ...columns, ...rows });
  if (isDownFirst(image, size)) return scaledAcross(scaledDown(used, rows.y, down), across);
  return scaledDown(scaledAcross(used, across), rows.y, down);
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

/** Returns the source rows of all pixels. */
function rowsUnder({ first, offsets }: Taps): Pick<Region, "y" | "height"> {
  const last = first.length - 1;
  const reach = (offsets[last + 1] ?? 0) - (offsets[last] ?? 0);
  const y = first[0] ?? 0;
  return { y, height: (first[last] ?? 0) + reach - y };
}

const HALF = 1 << (WEIGHT_BITS - 1);

/** Returns a view of the same bytes that clamps writes to 0 to 255. */
function clamped({ buffer }: Uint8Array): Uint8ClampedArray {
  return new Uint8ClampedArray(buffer);
}

function scaledAcross(lines: Pixels, taps: Taps | null): Pixels {
  if (taps === null) return lines;
  const { height, channels } = lines;
  const width = taps.first.length;
  const data = new Uint8Array(width * height * channels);
  if (channels !== 3) acrossGrey(lines, taps, clamped(data));
  else if (!lineScaler().across(lines, taps, data)) acrossRgb(lines, taps, clamped(data));
  return { width, height, channels, data };
}

function acrossRgb(lines: Pixels, { first, offsets, weights }: Taps, out: Uint8ClampedArray): void {
  const { data, height, width } = lines;
  const pixels = first.length;
  let at = 0;
  for (let row = 0; row < height; row += 1) {
    const line = row * width * 3;
    for (let pixel = 0; pixel < pixels; pixel += 1) {
      let from = line + (first[pixel] ?? 0) * 3;
      const end = offsets[pixel + 1] ?? 0;
      let red = HALF;
      let green = HALF;
      let blue = HALF;
      for (let tap = offsets[pixel] ?? 0; tap < end; tap += 1) {
        const weight = weights[tap] ?? 0;
        red = (red + Math.imul(data[from] ?? 0, weight)) | 0;
        green = (green + Math.imul(data[from + 1] ?? 0, weight)) | 0;
        blue = (blue + Math.imul(data[from + 2] ?? 0, weight)) | 0;
        from += 3;
      }
      out[at] = red >> WEIGHT_BITS;
      out[at + 1] = green >> WEIGHT_BITS;
      out[at + 2] = blue >> WEIGHT_BITS;
      at += 3;
    }
  }
}

function acrossGrey(lines: Pixels, { first, offsets, weights }: Taps, out: Uint8ClampedArray): void {
  const { data, height, width } = lines;
  const pixels = first.length;
  let at = 0;
  for (let row = 0; row < height; row += 1) {
    const line = row * width;
    for (let pixel = 0; pixel < pixels; pixel += 1) {
      let from = line + (first[pixel] ?? 0);
      const end = offsets[pixel + 1] ?? 0;
      let sum = HALF;
      for (let tap = offsets[pixel] ?? 0; tap < end; tap += 1) {
        sum = (sum + Math.imul(data[from] ?? 0, weights[tap] ?? 0)) | 0;
        from += 1;
      }
      out[at] = sum >> WEIGHT_BITS;
      at += 1;
    }
  }
}

/** @param top row of the image that is the first line */
function scaledDown(lines: Pixels, top: number, taps: Taps | null): Pixels {
  if (taps === null) return lines;
  const { width, channels } = lines;
  const height = taps.first.length;
  const data = new Uint8Array(width * height * channels);
  if (!lineScaler().down(lines, top, taps, data)) addedDown(lines, top, taps, clamped(data));
  return { width, height, channels, data };
}

function addedDown(
  lines: Pixels,
  top: number,
  { first, offsets, weights }: Taps,
  out: Uint8ClampedArray,
): void {
  const lineBytes = lines.width * lines.channels;
  const sums = new Int32Array(lineBytes);
  for (let row = 0; row < first.length; row += 1) {
    sums.fill(HALF);
    let from = ((first[row] ?? 0) - top) * lineBytes;
    const end = offsets[row + 1] ?? 0;
    for (let tap = offsets[row] ?? 0; tap < end; tap += 1) {
      addLine(sums, lines.data, from, weights[tap] ?? 0);
      from += lineBytes;
    }
    const at = row * lineBytes;
    for (let index = 0; index < lineBytes; index += 1) out[at + index] = (sums[index] ?? 0) >> WEIGHT_BITS;
  }
}

function addLine(sums: Int32Array, data: Uint8Array, from: number, weight: number): void {
  for (let index = 0; index < sums.length; index += 1) {
    sums[index] = ((sums[index] ?? 0) + Math.imul(data[from + index] ?? 0, weight)) | 0;
  }
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
