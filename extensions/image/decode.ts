import { orAbort } from "../../shared/core/abort.ts";
import { messageOf } from "../../shared/core/errors.ts";
import { imageFormat, unreadColours } from "./image-format.ts";
import type { ImagePlan } from "./op.ts";
import type { Pixels } from "./pixels.ts";

type Sharp = typeof import("sharp").default;

/** An image, or why there is none. */
export type Decoded =
  | { readonly kind: "decoded"; readonly image: Pixels }
  | { readonly kind: "refused"; readonly why: string };

/** What is read, by libvips' names. Everything else stays shut: an SVG, for one, can name other files. */
const READERS = ["Jpeg", "Png", "Webp", "Nsgif", "Tiff", "Heif"];

const NO_FORMAT = "is not a JPEG, PNG, WebP, GIF, TIFF or AVIF image";

let loading: Promise<Sharp> | null = null;

/** Loaded where the first image is: libvips and what it needs are 20 MB. */
function loadSharp(): Promise<Sharp> {
  loading ??= import("sharp").then(({ default: sharp }) => {
    // There is a thread for each step already, and no image comes twice.
    sharp.concurrency(1);
    sharp.cache(false);
    sharp.block({ operation: ["VipsForeignLoad"] });
    sharp.unblock({ operation: READERS.map((reader) => `VipsForeignLoad${reader}`) });
    return sharp;
  });
  return loading;
}

/**
 * Decodes the first frame of an image to what Pillow's `convert("RGB")`, or `"L"`, makes of it: alpha is
 * dropped, 16 bits become the upper 8, colour profiles are ignored.
 */
export async function decodeImage(
  bytes: Uint8Array,
  { orient, channels, maxPixels }: Pick<ImagePlan, "orient" | "channels" | "maxPixels">,
  signal: AbortSignal,
): Promise<Decoded> {
  if (bytes.length === 0) return refused("is empty");
  const colours = unreadColours(bytes);
  if (colours !== null) return refused(`is a TIFF in ${colours}`);
  const sharp = await loadSharp();
  try {
    // Damage that a decoder would paint over, a JPEG that ends early, is an error.
    const options = {
      failOn: "error",
      limitInputPixels: false,
      ignoreIcc: true,
      autoOrient: orient,
    } as const;
    const reader = sharp(bytes, { ...options, autoOrient: orient });
    const { width, height, space: ownSpace, depth } = await orAbort(reader.metadata(), signal);
    if (width * height > maxPixels)
      return refused(`says that it has ${width} x ${height} pixels, more than ${maxPixels}`);
    if (depth !== "uchar" && depth !== "ushort")
      return refused(`has pixels of ${depth}, not of 8 or 16 bits`);
    const isCmyk = ownSpace === "cmyk";
    const space = isCmyk ? "cmyk" : "srgb";
    const raw = reader.pipelineColourspace(space).toColourspace(space).raw({ depth: "uchar" });
    const { data, info } = await orAbort(raw.toBuffer({ resolveWithObject: true }), signal);
    const rgb = isCmyk ? fromCmyk(data, info.channels) : firstThree(data, info.channels);
    return {
      kind: "decoded",
      image: { width: info.width, height: info.height, ...asAsked(rgb, channels) },
    };
  } catch (error) {
    signal.throwIfAborted();
    // sharp says this itself. All else is libvips' error text, which may be of another image of the process.
    if (messageOf(error).startsWith("Input buffer contains unsupported image format"))
      return refused(NO_FORMAT);
    return refused(`cannot be decoded: the ${imageFormat(bytes)} is damaged, cut off, or of an unknown kind`);
  }
}

function refused(why: string): Decoded {
  return { kind: "refused", why };
}

function asAsked(rgb: Uint8Array, channels: ImagePlan["channels"]): Pick<Pixels, "channels" | "data"> {
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

/** Without ink profiles, as Pillow does it: less light by each ink, and by black. */
function fromCmyk(data: Uint8Array, channels: number): Uint8Array {
  const out = new Uint8Array((data.length / channels) * 3);
  for (let from = 0, at = 0; from < data.length; from += channels, at += 3) {
    const light = 255 - (data[from + 3] ?? 0);
    for (let ink = 0; ink < 3; ink += 1)
      out[at + ink] = Math.max(0, light - scaledByte(data[from + ink] ?? 0, light));
  }
  return out;
}

/** `a * b / 255`, rounded: Pillow's MULDIV255. */
function scaledByte(a: number, b: number): number {
  const product = a * b + 128;
  return ((product >> 8) + product) >> 8;
}

/** ITU-R 601-2, in Pillow's whole numbers. */
function luma(rgb: Uint8Array): Uint8Array {
  const out = new Uint8Array(rgb.length / 3);
  for (let from = 0, at = 0; at < out.length; from += 3, at += 1)
    out[at] =
      ((rgb[from] ?? 0) * 19595 + (rgb[from + 1] ?? 0) * 38470 + (rgb[from + 2] ?? 0) * 7471 + 0x8000) >> 16;
  return out;
}
