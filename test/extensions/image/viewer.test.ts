import sharp from "sharp";
import { expect, test } from "vitest";
import type { Pixels } from "../../../extensions/image/pixels.ts";
import { pictureOf } from "../../../extensions/image/viewer.ts";

function aPicture(width: number, height: number, channels: 1 | 3): Pixels {
  const data = Uint8Array.from({ length: width * height * channels }, (_, at) => (at * 7) % 256);
  return { width, height, channels, data };
}

test("another program reads the same pixels from the PNG", async () => {
  const image = aPicture(20, 11, 3);
  const { preview } = pictureOf(image, { kind: "png", width: 256, height: 256 });
  const read = await sharp(Buffer.from(preview?.data ?? "", "base64"))
    .raw()
    .toBuffer({ resolveWithObject: true });
  expect(read.info).toMatchObject({ width: 20, height: 11, channels: 3 });
  expect([...read.data]).toEqual([...image.data]);
});

test("a preview keeps the ratio, fits its area, is never enlarged, and shows grey in three channels", () => {
  const room = { kind: "pixels", width: 32, height: 28 } as const;
  const sizeOf = (width: number, height: number) => pictureOf(aPicture(width, height, 3), room).preview;
  expect(sizeOf(500, 375)).toMatchObject({ width: 32, height: 24 });
  expect(sizeOf(10, 5_000)).toMatchObject({ width: 1, height: 28 });
  expect(sizeOf(8, 8)).toMatchObject({ width: 8, height: 8 });
  const grey = pictureOf(aPicture(2, 1, 1), room);
  expect(grey.preview?.data).toBe(Buffer.from([0, 0, 0, 7, 7, 7]).toString("base64"));
  expect(pictureOf(aPicture(2, 2, 1), null).preview).toBeNull();
});
