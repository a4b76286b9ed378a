import { type Data, Float16, Float32, makeData, Uint8 } from "apache-arrow";
import { present } from "../../shared/core/assert.ts";
import { encodeHalf } from "../../shared/core/float16.ts";
import { lineScaler, type Places } from "./line-scaler.ts";
import { channelCount, type ImageDtype, type ImagePlan, type PixelsPlan } from "./op.ts";
import type { Pixels, Size } from "./pixels.ts";

/** Values of a tensor. float16 values are their bits. */
export type ImageValues = Float32Array | Uint16Array | Uint8Array;

const ARRAYS = { float32: Float32Array, float16: Uint16Array, uint8: Uint8Array } as const satisfies Record<
  ImageDtype,
  unknown
>;

/** Makes the array for the values of `images` images. */
export function imageArray(plan: ImagePlan, images: number): ImageValues {
  return valueArray(plan, images * valuesPerImage(plan));
}

/** Makes the array for a number of values. */
export function valueArray({ dtype }: Pick<ImagePlan, "dtype">, values: number): ImageValues {
  return new ARRAYS[dtype](values);
}

export function valuesPerImage({
  width,
  height,
  channels,
}: Pick<ImagePlan, "width" | "height" | "channels">): number {
  return width * height * channelCount(channels);
}

/** Returns values as an Arrow column. */
export function itemData(values: ImageValues): Data {
  if (values instanceof Float32Array) return makeData({ type: new Float32(), data: values });
  if (values instanceof Uint16Array) return makeData({ type: new Float16(), data: values });
  return makeData({ type: new Uint8(), data: values });
}

export function itemType({ dtype }: Pick<ImagePlan, "dtype">): Float32 | Float16 | Uint8 {
  switch (dtype) {
    case "float32":
      return new Float32();
    case "float16":
      return new Float16();
    case "uint8":
      return new Uint8();
  }
}

/** Writer of images into tensors. Each byte of a channel has one value, so a table maps them. */
export class ValueWriter {
  readonly #plan: PixelsPlan;
  /** Tables by channel of the tensor. */
  readonly #tables: readonly ImageValues[];
  /** Tables by channel of an image, one after another. */
  readonly #words: Float32Array;

  constructor(plan: PixelsPlan) {
    this.#plan = plan;
    this.#tables = Array.from({ length: channelCount(plan.channels) }, (_, channel) =>
      tableOf(plan, channel),
    );
    this.#words = Float32Array.from(this.#tables.flatMap((_, place) => [...this.#table(place)]));
  }

  /** @param image must have the plan's channels */
  write(image: Pixels, out: ImageValues, at: number): void {
    const { data } = image;
    if (out instanceof Uint8Array && this.#isCopy()) out.set(data, at);
    else if (this.#tables.length === 1) lookUp(data, this.#table(0), out, at);
    else if (out instanceof Float32Array)
      out.set(lineScaler().lookUp(image, this.#words, this.#places(image, 0)), at);
    else lookUpColours(data, [this.#table(0), this.#table(1), this.#table(2)], out, this.#places(image, at));
  }

  /** Returns the table of the channel at this index in a pixel of the image. */
  #table(place: number): ImageValues {
    const channel = this.#plan.channels === "bgr" ? 2 - place : place;
    return present(this.#tables[channel], "there is a table for each channel");
  }

  /** Checks whether bytes are the unchanged pixels, in the order of an image. */
  #isCopy(): boolean {
    const { channels, layout } = this.#plan;
    const isInOrder = channels === "gray" || (channels === "rgb" && layout === "nhwc");
    return isInOrder && this.#tables.every((table) => table.every((value, byte) => value === byte));
  }

  #places({ width, height }: Size, at: number): Places {
    const { layout, channels } = this.#plan;
    const [apart, step] = layout === "nchw" ? [width * height, 1] : [1, 3];
    return channels === "bgr" ? { at: at + 2 * apart, apart: 0 - apart, step } : { at, apart, step };
  }
}

function lookUp(bytes: Uint8Array, table: ImageValues, out: ImageValues, at: number): void {
  for (let index = 0; index < bytes.length; index += 1) out[at + index] = table[bytes[index] ?? 0] ?? 0;
}

/** Converts all channels in one pass, so the image is read once and adjacent values are written together. */
function lookUpColours(
  bytes: Uint8Array,
  [first, second, third]: readonly [ImageValues, ImageValues, ImageValues],
  out: ImageValues,
  { at, apart, step }: Places,
): void {
  let to = at;
  for (let from = 0; from < bytes.length; from += 3) {
    out[to] = first[bytes[from] ?? 0] ?? 0;
    out[to + apart] = second[bytes[from + 1] ?? 0] ?? 0;
    out[to + 2 * apart] = third[bytes[from + 2] ?? 0] ?? 0;
    to += step;
  }
}

/**
 * Computes a table in float32, rounded after each step, as transformers, torchvision and NumPy do. The last
 * bit of a value can change a sensitive model's output by 1e-4.
 */
function tableOf({ dtype, rescale, mean, std }: PixelsPlan, channel: number): ImageValues {
  const table = new ARRAYS[dtype](256);
  for (let byte = 0; byte < 256; byte += 1) {
    const centred = Math.fround(Math.fround(byte * rescale) - Math.fround(mean[channel] ?? 0));
    const value = Math.fround(centred / Math.fround(std[channel] ?? 1));
    table[byte] = dtype === "float16" ? encodeHalf(value) : value;
  }
  return table;
}
