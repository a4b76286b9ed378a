import { createHash } from "node:crypto";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { packageRoot } from "../../shared/core/package-root.ts";

/** Images in `images/`, and results of Pillow and OpenCV for them: see `images/make.py`. */

interface PillowImage {
  readonly size: readonly [width: number, height: number];
  readonly rgb: string;
  readonly gray: string;
  /** Rotated as the EXIF data demand. */
  readonly turned: Omit<PillowImage, "gray" | "turned">;
}

interface Pillow {
  readonly decoded: Readonly<Record<string, PillowImage>>;
  /** Resized `rgb.png`, by `filter width height`. For 30 x 21: its upper left 60 x 42. */
  readonly resized: Readonly<Record<string, Pick<PillowImage, "rgb" | "gray">>>;
  /** Mean of each channel, for images that are prepared as in `make.py`. */
  readonly means: Readonly<Record<string, readonly number[]>>;
}

export const PILLOW: Pillow = JSON.parse(imageFile("pillow.json").toString("utf8"));

export function imageFile(name: string): Buffer {
  return readFileSync(join(packageRoot, "test/support/images", name));
}

/** Returns the digest of pixels as in `pillow.json`. */
export function digestOf(data: Uint8Array): string {
  return createHash("sha256").update(data).digest("hex").slice(0, 16);
}

/** Returns a PNG that claims a number of pixels, and has none. */
export function claimingPng(width: number, height: number): Buffer {
  const png = Buffer.from(imageFile("rgb.png"));
  png.writeUInt32BE(width, 16);
  png.writeUInt32BE(height, 20);
  png.writeUInt32BE(crc32(png.subarray(12, 29)), 29);
  return png;
}

/** Returns the CRC of a PNG's chunk. Node has a function for it from version 22 on. */
function crc32(bytes: Uint8Array): number {
  let crc = 0xffff_ffff;
  for (const byte of bytes) {
    crc ^= byte;
    for (let bit = 0; bit < 8; bit += 1) crc = (crc >>> 1) ^ (crc & 1 ? 0xedb8_8320 : 0);
  }
  return ~crc >>> 0;
}
