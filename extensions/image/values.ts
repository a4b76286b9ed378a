import { present } from "../../shared/core/assert.ts";
import { encodeHalf } from "../../shared/core/float16.ts";
import { channelCount, type ImageDtype, type ImagePlan } from "./op.ts";
import type { Pixels } from "./pixels.ts";

/** Values of a tensor: of float16, their bits. */
export type ImageValues = Float32Array | Uint16Array | Uint8Array;

const ARRAYS = { float32: Float32Array, float16: Uint16Array, uint8: Uint8Array } as const satisfies Record<
  ImageDtype,
  unknown
>;

/** Values for so many images. */
export function imageArray(plan: ImagePlan, images: number): ImageValues {
  return new ARRAYS[plan.dtype](images * valuesPerImage(plan));
}

export function valuesPerImage({ width, height, channels }: ImagePlan): number {
  return width * height * channelCount(channels);
}

/** Writes images of one plan into tensors. A byte of a channel has one value: it is looked up. */
export class ValueWriter {
  readonly #plan: ImagePlan;
  /** By channel of the tensor, by byte. */
  readonly #tables: readonly ImageValues[];

  constructor(plan: ImagePlan) {
    this.#plan = plan;
    this.#tables = Array.from({ length: channelCount(plan.channels) }, (_, channel) =>
      tableOf(plan, channel),
    );
  }

  /** @param image of the plan's size and number of channels */
  write({ data }: Pixels, out: ImageValues, at: number): void {
    if (this.#tables.length === 1) lookUp(data, this.#table(0), out, at);
    else lookUpColours(data, [this.#table(0), this.#table(1), this.#table(2)], out, this.#places(at));
  }

  /** Of the channel that lies at this place in a pixel of the image. */
  #table(place: number): ImageValues {
    const channel = this.#plan.channels === "bgr" ? 2 - place : place;
    return present(this.#tables[channel], "there is a table for each channel");
  }

  #places(at: number): Places {
    const { layout, channels, width, height } = this.#plan;
    const [apart, step] = layout === "nchw" ? [width * height, 1] : [1, 3];
    return channels === "bgr" ? { at: at + 2 * apart, apart: 0 - apart, step } : { at, apart, step };
  }
}

function lookUp(bytes: Uint8Array, table: ImageValues, out: ImageValues, at: number): void {
  for (let index = 0; index < bytes.length; index += 1) out[at + index] = table[bytes[index] ?? 0] ?? 0;
}

/** Where values go: the first to `at`, each further channel on by `apart`, each further pixel by `step`. */
interface Places {
  readonly at: number;
  readonly apart: number;
  readonly step: number;
}

/** All channels in one walk: the image is read once, and what lies together is written together. */
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
 * In float32, rounded after each step, as transformers, torchvision and NumPy have it: the last bit of a
 * value is enough to move a sensitive model by 1e-4.
 */
function tableOf({ dtype, rescale, mean, std }: ImagePlan, channel: number): ImageValues {
  const table = new ARRAYS[dtype](256);
  for (let byte = 0; byte < 256; byte += 1) {
    const centred = Math.fround(Math.fround(byte * rescale) - Math.fround(mean[channel] ?? 0));
    const value = Math.fround(centred / Math.fround(std[channel] ?? 1));
    table[byte] = dtype === "float16" ? encodeHalf(value) : value;
  }
  return table;
}
