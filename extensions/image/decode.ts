import { orAbort } from "../../shared/core/abort.ts";
import { messageOf } from "../../shared/core/errors.ts";
import { imageFormat, unreadColours } from "./image-format.ts";
import { lineScaler } from "./line-scaler.ts";
import { type NativeDecoder, type NativeLibrary, openNative } from "./native-decoder.ts";
import type { ImagePlan } from "./op.ts";
import type { Pixels, Size } from "./pixels.ts";
import { TURBOJPEG } from "./turbojpeg.ts";
import { LIBWEBP } from "./webp.ts";

type Sharp = typeof import("sharp").default;

/** Result of a decoded image, or the reason why it is refused. */
export type Decoded<T> = { readonly kind: "decoded"; readonly image: T } | Refused;

interface Refused {
  readonly kind: "refused";
  readonly why: string;
  /** Code of the dead letter. Default: ROW_VALUE. */
  readonly code?: "ROW_LENGTH";
}

/** Enabled readers, by libvips' names. All others are blocked: an SVG, for example, can name other files. */
const READERS = ["Jpeg", "Png", "Webp", "Nsgif", "Tiff", "Heif"];

/** Libraries that are faster than libvips, where they are installed. */
const NATIVE: readonly NativeLibrary[] = [TURBOJPEG, LIBWEBP];

const NO_FORMAT = "is not a JPEG, PNG, WebP, GIF, TIFF or AVIF image";

let loading: Promise<Sharp> | null = null;

/** Loads sharp with the first image, because libvips and its dependencies are 20 MB. */
function loadSharp(): Promise<Sharp> {
  loading ??= import("sharp").then(({ default: sharp }) => {
    // Each step has its own thread already, and no image repeats.
    sharp.concurrency(1);
    sharp.cache(false);
    sharp.block({ operation: ["VipsForeignLoad"] });
    sharp.unblock({ operation: READERS.map((reader) => `VipsForeignLoad${reader}`) });
    return sharp;
  });
  return loading;
}

/** Keys of an image's plan that decide its pixels. */
export interface DecodePlan extends Pick<ImagePlan, "orient" | "channels" | "maxPixels"> {
  /** Returns why an image of a declared size is not decoded. Null: it is. Default: all are. */
  readonly limit?: (size: Size) => string | null;
}

/**
 * Decoder of images, for one thread. Decodes JPEG and WebP by native libraries where they are installed, and
 * all else by libvips. All give the same pixels.
 */
export class ImageDecoder implements AsyncDisposable {
  readonly #open: typeof openNative;
  /** Decoders by format, opened with its first image. */
  readonly #opened = new Map<string, Promise<NativeDecoder | null>>();

  /** @param open opens a native decoder. Null: libvips decodes its format, too */
  constructor(open = openNative) {
    this.#open = open;
  }

  /**
   * Decodes the first frame of an image exactly as Pillow's `convert("RGB")` or `convert("L")`. Alpha is
   * dropped, 16 bits become the upper 8, and colour profiles are ignored.
   *
   * @param use makes a result from the pixels. They are valid until it returns
   */
  async decode<T>(
    bytes: Uint8Array,
    plan: DecodePlan,
    use: (image: Pixels) => T,
    signal: AbortSignal,
  ): Promise<Decoded<T>> {
    if (bytes.length === 0) return refused("is empty");
    const colours = unreadColours(bytes);
    if (colours !== null) return refused(`is a TIFF in ${colours}`);
    const native = await this.#native(imageFormat(bytes));
    // No other image may be decoded between the decoding by a library and the use of its pixels.
    const decoded =
      (native && decodeNatively(native, bytes, plan)) ?? (await decodeBySharp(bytes, plan, signal));
    return decoded.kind === "refused" ? decoded : { kind: "decoded", image: use(decoded.image) };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const decoder of this.#opened.values()) (await decoder)?.[Symbol.dispose]();
  }

  #native(format: string): Promise<NativeDecoder | null> | null {
    const library = NATIVE.find((found) => found.format === format);
    if (library === undefined) return null;
    const opened = this.#opened.get(format) ?? this.#open(library);
    this.#opened.set(format, opened);
    return opened;
  }
}

/** Decodes an image by a library, in the memory of this thread's scaler. Null: libvips decodes it. */
function decodeNatively(native: NativeDecoder, bytes: Uint8Array, plan: DecodePlan): Decoded<Pixels> | null {
  const { orient, channels } = plan;
  const size = native.sizeOf(bytes, { orient });
  if (size === null) return null;
  const large = tooLarge(size, plan);
  if (large !== null) return large;
  const rgb = lineScaler().frame(size.width * size.height * 3);
  if (!native.decode(bytes, size, rgb)) return null;
  return { kind: "decoded", image: { ...size, ...asRequested(rgb, channels) } };
}

async function decodeBySharp(
  bytes: Uint8Array,
  plan: DecodePlan,
  signal: AbortSignal,
): Promise<Decoded<Pixels>> {
  const { orient, channels } = plan;
  const sharp = await loadSharp();
  try {
    // Damage is an error, for example a truncated JPEG, which decoders would fill with grey.
    const options = { failOn: "error", limitInputPixels: false, ignoreIcc: true } as const;
    const reader = sharp(bytes, { ...options, autoOrient: orient });
    const { width, height, space: ownSpace, depth } = await orAbort(reader.metadata(), signal);
    const large = tooLarge({ width, height }, plan);
    if (large !== null) return large;
    if (depth !== "uchar" && depth !== "ushort")
      return refused(`has pixels of ${depth}, and not 8 or 16 bits`);
    const isCmyk = ownSpace === "cmyk";
    const space = isCmyk ? "cmyk" : "srgb";
    const raw = reader.pipelineColourspace(space).toColourspace(space).raw({ depth: "uchar" });
    const { data, info } = await orAbort(raw.toBuffer({ resolveWithObject: true }), signal);
    const rgb = isCmyk ? fromCmyk(data, info.channels) : firstThree(data, info.channels);
    return {
      kind: "decoded",
      image: { width: info.width, height: info.height, ...asRequested(rgb, channels) },
    };
  } catch (error) {
    signal.throwIfAborted();
    // sharp's own message is safe to match. Other messages are libvips' error text, possibly of another image
    // in the process.
    if (messageOf(error).startsWith("Input buffer contains unsupported image format"))
      return refused(NO_FORMAT);
    return refused(`cannot be decoded: the ${imageFormat(bytes)} is damaged, cut off, or of an unknown kind`);
  }
}

/** Refuses an image by its declared size. Null: it is decoded. */
function tooLarge(size: Size, { maxPixels, limit }: DecodePlan): Refused | null {
  const { width, height } = size;
  if (width * height > maxPixels)
    return refused(`declares ${width} x ${height} pixels, more than ${maxPixels}`);
  const why = limit?.(size) ?? null;
  return why === null ? null : { ...refused(why), code: "ROW_LENGTH" };
}

function refused(why: string): Refused {
  return { kind: "refused", why };
}

function asRequested(rgb: Uint8Array, channels: ImagePlan["channels"]): Pick<Pixels, "channels" | "data"> {
  return channels === "gray" ? { channels: 1, data: luma(rgb) } : { channels: 3, data: rgb };
}

function firstThree(data: Uint8Array, channels: number): Uint8Array {
  if (channels === 3) return data;
  const out = new Uint8Array((data.length / channels) * 3);
  for (let from = 0, at = 0; from < data.length; from += channels, at += 3) {
    out[at] = data[from] ?? 0;
    out[at + 1] = data[from + 1] ?? 0;
    out[at + 2] = data[from + 2] ?? 0;
  }
  return out;
}

/** Converts CMYK as Pillow does, without ink profiles: each ink, and black, reduces the light. */
function fromCmyk(data: Uint8Array, channels: number): Uint8Array {
  const out = new Uint8Array((data.length / channels) * 3);
  for (let from = 0, at = 0; from < data.length; from += channels, at += 3) {
    const light = 255 - (data[from + 3] ?? 0);
    for (let ink = 0; ink < 3; ink += 1)
      out[at + ink] = Math.max(0, light - scaledByte(data[from + ink] ?? 0, light));
  }
  return out;
}

/** Returns `a * b / 255`, rounded, as Pillow's MULDIV255. */
function scaledByte(a: number, b: number): number {
  const product = a * b + 128;
  return ((product >> 8) + product) >> 8;
}

/** Converts RGB to grey by ITU-R 601-2, with Pillow's integer arithmetic. */
function luma(rgb: Uint8Array): Uint8Array {
  const out = new Uint8Array(rgb.length / 3);
  for (let from = 0, at = 0; at < out.length; from += 3, at += 1)
    out[at] =
      ((rgb[from] ?? 0) * 19595 + (rgb[from + 1] ?? 0) * 38470 + (rgb[from + 2] ?? 0) * 7471 + 0x8000) >> 16;
  return out;
}
