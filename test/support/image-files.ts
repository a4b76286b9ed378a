import { createHash } from "node:crypto";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { packageRoot } from "../../shared/core/package-root.ts";

/** The images in `images/`, and what Pillow and OpenCV made of them: see `images/make.py`. */

interface PillowImage {
  readonly size: readonly [width: number, height: number];
  readonly rgb: string;
  readonly gray: string;
  /** As the EXIF data say. */
  readonly turned: Omit<PillowImage, "gray" | "turned">;
}

interface Pillow {
  readonly decoded: Readonly<Record<string, PillowImage>>;
  /** By `filter width height`, of `rgb.png`; for 30 x 21, of its upper left 60 x 42. */
  readonly resized: Readonly<Record<string, Pick<PillowImage, "rgb" | "gray">>>;
  /** Of an image that is prepared as in `make.py`, the mean of each channel. */
  readonly means: Readonly<Record<string, readonly number[]>>;
}

export const PILLOW: Pillow = JSON.parse(imageFile("pillow.json").toString("utf8"));

export function imageFile(name: string): Buffer {
  return readFileSync(join(packageRoot, "test/support/images", name));
}

/** What `pillow.json` has of pixels. */
export function digestOf(data: Uint8Array): string {
  return createHash("sha256").update(data).digest("hex").slice(0, 16);
}

/** A PNG that says it has so many pixels, and has none. */
export function claimingPng(width: number, height: number): Buffer {
  const png = Buffer.from(imageFile("rgb.png"));
  png.writeUInt32BE(width, 16);
  png.writeUInt32BE(height, 20);
  png.writeUInt32BE(crc32(png.subarray(12, 29)), 29);
  return png;
}

/** Of a PNG's chunk. Node has its own from version 22 on. */
function crc32(bytes: Uint8Array): number {
  let crc = 0xffff_ffff;
  for (const byte of bytes) {
    crc ^= byte;
    for (let bit = 0; bit < 8; bit += 1) crc = (crc >>> 1) ^ (crc & 1 ? 0xedb8_8320 : 0);
  }
  return ~crc >>> 0;
}
