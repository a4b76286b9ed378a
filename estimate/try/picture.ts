import type { Pixels, Size } from "../../shared/images/pixels.ts";
import { resampled } from "../../shared/images/resample.ts";
import { pngOf } from "./png.ts";
import type { Picture, Preview } from "./row-trace.ts";

/** What a terminal can show of pictures: how, and how large at most. */
export interface PreviewFormat extends Size {
  readonly kind: Preview["kind"];
}

/** An image in a few words, and small where a terminal can show it. */
export function pictureOf(image: Pixels, format: PreviewFormat | null): Picture {
  const { width, height, channels } = image;
  return { width, height, channels, preview: format === null ? null : previewOf(image, format) };
}

function previewOf(image: Pixels, format: PreviewFormat): Preview {
  const size = sizeWithin(image, format);
  const small = resampled(image, size, "bilinear", { x: 0, y: 0, ...size });
  const rgb = small.channels === 3 ? small.data : greyAsRgb(small.data);
  const data = format.kind === "png" ? pngOf(rgb, size) : Buffer.from(rgb);
  return { kind: format.kind, ...size, data: data.toString("base64") };
}

/** As large as may be, with the image's own ratio; never larger than it is. */
function sizeWithin(image: Size, most: Size): Size {
  const scale = Math.min(1, most.width / image.width, most.height / image.height);
  const scaled = (pixels: number) => Math.max(1, Math.round(pixels * scale));
  return { width: scaled(image.width), height: scaled(image.height) };
}

function greyAsRgb(grey: Uint8Array): Uint8Array {
  const rgb = new Uint8Array(grey.length * 3);
  for (const [at, light] of grey.entries()) rgb.fill(light, at * 3, at * 3 + 3);
  return rgb;
}
