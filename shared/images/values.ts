import { encodeHalf } from "../core/float16.ts";
import { channelCount, type ImageDtype, type ImagePlan } from "../domain/image-op.ts";
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
  write({ data, channels }: Pixels, out: ImageValues, at: number): void {
    const pixels = this.#plan.width * this.#plan.height;
    const isPlanar = this.#plan.layout === "nchw";
    for (const [channel, table] of this.#tables.entries()) {
      const from = this.#plan.channels === "bgr" ? channels - 1 - channel : channel;
      const to = isPlanar ? { at: at + channel * pixels, step: 1 } : { at: at + channel, step: channels };
      lookUp(data.subarray(from), { step: channels, table }, out, to);
    }
  }
}

/** Where values go: to `at`, and on by `step`. */
interface Places {
  readonly at: number;
  readonly step: number;
}

function lookUp(
  bytes: Uint8Array,
  { step, table }: { readonly step: number; readonly table: ImageValues },
  out: ImageValues,
  places: Places,
): void {
  let at = places.at;
  for (let from = 0; from < bytes.length; from += step) {
    out[at] = table[bytes[from] ?? 0] ?? 0;
    at += places.step;
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
