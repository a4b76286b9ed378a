import { halfToEven } from "./half-to-even.ts";
import type { Pixels, Region, Size } from "./pixels.ts";

/** Fractional bits of the integer weights. */
const WEIGHT_BITS = 11;

/**
 * Scales a region of an image bit for bit like OpenCV's `cv2.resize` with INTER_LINEAR. Each pixel averages
 * the four around its centre, even when the image shrinks. Pixels between them are ignored, and fine lines
 * break. Models that were trained on such images expect this.
 *
 * @param region region inside `size`
 */
export function opencvLinear(image: Pixels, size: Size, region: Region): Pixels {
  if (image.width === 2 * size.width && image.height === 2 * size.height) return halved(image, region);
  const { channels } = image;
  const { x, y, width, height } = region;
  const columns = pairsOf(image.width, size.width, [x, x + width]);
  const rows = pairsOf(image.height, size.height, [y, y + height]);
  const data = new Uint8Array(width * height * channels);
  const lines = new ScaledLines(image, columns);
  for (let row = 0; row < height; row += 1) {
    const above = lines.line(rows.first[row] ?? 0);
    const below = lines.line(rows.second[row] ?? 0);
    const [up, down] = [rows.weights[2 * row] ?? 0, rows.weights[2 * row + 1] ?? 0];
    const at = row * width * channels;
    // These are OpenCV's own shifts, which lose some bits.
    for (let index = 0; index < above.length; index += 1) {
      const upper = ((above[index] ?? 0) >> 4) * up;
      const lower = ((below[index] ?? 0) >> 4) * down;
      data[at + index] = ((upper >> 16) + (lower >> 16) + 2) >> 2;
    }
  }
  return { width, height, channels, data };
}

/** Sources of a scaled line: two pixels of the source line for each pixel, and their weights. */
interface Pairs {
  readonly first: Int32Array;
  readonly second: Int32Array;
  /** Weights, two for each pixel. */
  readonly weights: Int32Array;
}

/** Computes the sources of pixels `[start, end)` when a line of `from` pixels becomes one of `to`. */
function pairsOf(from: number, to: number, [start, end]: readonly [number, number]): Pairs {
  const step = 1 / (to / from);
  const count = end - start;
  const [first, second] = [new Int32Array(count), new Int32Array(count)];
  const weights = new Int32Array(2 * count);
  for (let pixel = 0; pixel < count; pixel += 1) {
    // float32, as in OpenCV.
    const centre = Math.fround((start + pixel + 0.5) * step - 0.5);
    const before = Math.floor(centre);
    const share = Math.fround(centre - before);
    first[pixel] = Math.min(Math.max(before, 0), from - 1);
    second[pixel] = Math.min(Math.max(before + 1, 0), from - 1);
    weights[2 * pixel] = halfToEven(Math.fround(1 - share) * 2 ** WEIGHT_BITS);
    weights[2 * pixel + 1] = halfToEven(share * 2 ** WEIGHT_BITS);
  }
  return { first, second, weights };
}

/** Horizontally scaled lines of an image. The last two are cached. */
class ScaledLines {
  readonly #image: Pixels;
  readonly #columns: Pairs;
  readonly #rows: { row: number; readonly values: Int32Array }[];

  constructor(image: Pixels, columns: Pairs) {
    this.#image = image;
    this.#columns = columns;
    const values = () => new Int32Array(columns.first.length * image.channels);
    this.#rows = [0, 1].map(() => ({ row: -1, values: values() }));
  }

  line(row: number): Int32Array {
    const [older, newer] = this.#rows;
    if (older === undefined || newer === undefined) throw new Error("broken invariant: two lines are kept");
    if (newer.row === row) return newer.values;
    if (older.row !== row) {
      this.#scale(row, older.values);
      older.row = row;
    }
    this.#rows.reverse();
    return older.values;
  }

  #scale(row: number, values: Int32Array): void {
    const { data, width, channels } = this.#image;
    const { first, second, weights } = this.#columns;
    const start = row * width * channels;
    let at = 0;
    for (let pixel = 0; pixel < first.length; pixel += 1) {
      const [left, right] = [weights[2 * pixel] ?? 0, weights[2 * pixel + 1] ?? 0];
      const from = start + (first[pixel] ?? 0) * channels;
      const other = start + (second[pixel] ?? 0) * channels;
      for (let channel = 0; channel < channels; channel += 1) {
        values[at] = (data[from + channel] ?? 0) * left + (data[other + channel] ?? 0) * right;
        at += 1;
      }
    }
  }
}

/** Averages four pixels, as OpenCV does when both edges are halved. */
function halved({ data, width, channels }: Pixels, region: Region): Pixels {
  const lineBytes = width * channels;
  const out = new Uint8Array(region.width * region.height * channels);
  let at = 0;
  for (let row = 0; row < region.height; row += 1) {
    for (let column = 0; column < region.width; column += 1) {
      const from = 2 * (region.y + row) * lineBytes + 2 * (region.x + column) * channels;
      for (let channel = 0; channel < channels; channel += 1) {
        const pixel = from + channel;
        const upper = (data[pixel] ?? 0) + (data[pixel + channels] ?? 0);
        const lower = (data[pixel + lineBytes] ?? 0) + (data[pixel + lineBytes + channels] ?? 0);
        out[at] = (upper + lower + 2) >> 2;
        at += 1;
      }
    }
  }
  return { width: region.width, height: region.height, channels, data: out };
}
