import { describe, expect, it } from "vitest";
import { claimingPng, digestOf, imageFile, PILLOW } from "../../support/image-files.ts";
import { decodeFile, pixelsOf } from "./image-fixtures.ts";

describe("decodeImage", () => {
  it.each(Object.keys(PILLOW.decoded))("%s is decoded to the same pixels as by Pillow", async (name) => {
    const known = PILLOW.decoded[name];
    const [rgb, gray, turned] = await Promise.all([
      decodeFile(imageFile(name), { orient: false }),
      decodeFile(imageFile(name), { orient: false, channels: "gray" }),
      decodeFile(imageFile(name)),
    ]);
    const seen = [rgb, gray, turned].map((decoded) => {
      if (decoded.kind === "refused") throw new Error(decoded.why);
      const { width, height, channels, data } = decoded.image;
      return { size: [width, height], channels, pixels: digestOf(data) };
    });
    expect(seen).toEqual([
      { size: known?.size, channels: 3, pixels: known?.rgb },
      { size: known?.size, channels: 1, pixels: known?.gray },
      { size: known?.turned.size, channels: 3, pixels: known?.turned.rgb },
    ]);
  });

  it("grey of 16 bits keeps its upper 8 bits", async () => {
    const deep = await pixelsOf("deep-gray.png", "gray");
    const usual = await pixelsOf("gray.png", "gray");
    expect(deep.data).toEqual(usual.data);
  });

  it("an AVIF image of full quality differs little from its source", async () => {
    const avif = await pixelsOf("small.avif");
    const own = await pixelsOf("lossless.webp");
    expect(avif).toMatchObject({ width: 23, height: 17, channels: 3 });
    const off = avif.data.map((value, at) => Math.abs(value - (own.data[at] ?? 0)));
    expect(Math.max(...off)).toBeLessThanOrEqual(12);
    expect(off.reduce((sum, value) => sum + value, 0) / off.length).toBeLessThan(1.5);
  });

  it.each(["rgb.jpg", "progressive.jpg", "rgb.png", "lossy.webp", "still.gif", "small.avif", "cmyk.tif"])(
    "%s without its end is refused",
    async (name) => {
      const bytes = imageFile(name);
      for (const share of [0.5, 0.9]) {
        const decoded = await decodeFile(bytes.subarray(0, Math.floor(bytes.length * share)));
        expect(decoded).toMatchObject({ kind: "refused", why: expect.stringContaining("cannot be decoded") });
      }
    },
  );

  it("each damaged image is reported with its own format while many are decoded concurrently", async () => {
    const names = { JPEG: "rgb.jpg", PNG: "rgb.png", WebP: "lossy.webp", GIF: "still.gif", TIFF: "cmyk.tif" };
    const images = Array.from({ length: 8 }, () => Object.entries(names)).flat();
    const reasons = await Promise.all(
      images.map(async ([, name]) => {
        const file = imageFile(name);
        const decoded = await decodeFile(file.subarray(0, file.length >> 1));
        return decoded.kind === "refused" ? decoded.why : "decoded";
      }),
    );
    expect(reasons).toEqual(
      images.map(([format]) => `cannot be decoded: the ${format} is damaged, cut off, or of an unknown kind`),
    );
  });

  it.each([
    [6, "is a TIFF in YCbCr that is not compressed as JPEG"],
    [8, "is a TIFF in Lab colours"],
  ])("a TIFF in an unsupported colour space is refused: %i", async (photometric, why) => {
    const tiff = Buffer.from(imageFile("lzw.tif"));
    expect(await decodeFile(tiff)).toMatchObject({ kind: "decoded" });
    const tag = tiff.indexOf(Buffer.from([0x06, 0x01, 0x03, 0x00, 0x01, 0x00, 0x00, 0x00]));
    tiff.writeUInt16LE(photometric, tag + 8);
    expect(await decodeFile(tiff)).toEqual({ kind: "refused", why });
  });

  it("a TIFF whose directory is outside the file is refused", async () => {
    const tiff = Buffer.from(imageFile("lzw.tif"));
    for (const start of [9, tiff.length - 1, 0xffff_ffff]) {
      tiff.writeUInt32LE(start, 4);
      expect(await decodeFile(tiff)).toMatchObject({ kind: "refused" });
    }
  });

  it("an image that declares too many pixels is refused without decoding", async () => {
    expect(await decodeFile(claimingPng(60_000, 60_000))).toEqual({
      kind: "refused",
      why: "declares 60000 x 60000 pixels, more than 1000000",
    });
    expect(await decodeFile(imageFile("rgb.png"), { maxPixels: 61 * 43 })).toMatchObject({ kind: "decoded" });
    expect(await decodeFile(imageFile("rgb.png"), { maxPixels: 61 * 43 - 1 })).toMatchObject({
      kind: "refused",
    });
  });

  it("a file of an unsupported format is refused", async () => {
    const texts = ["", "hello", '<svg xmlns="http://www.w3.org/2000/svg" width="9" height="9"/>', "%PDF-1.4"];
    for (const text of texts) {
      const decoded = await decodeFile(Buffer.from(text));
      expect(decoded).toEqual({
        kind: "refused",
        why: text === "" ? "is empty" : "is not a JPEG, PNG, WebP, GIF, TIFF or AVIF image",
      });
    }
  });

  it("pixels with neither 8 nor 16 bits are refused", async () => {
    expect(await decodeFile(imageFile("floats.tif"))).toEqual({
      kind: "refused",
      why: "has pixels of float, and not 8 or 16 bits",
    });
  });
});
