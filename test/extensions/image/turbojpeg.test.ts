import fc from "fast-check";
import sharp from "sharp";
import { describe, expect, it } from "vitest";
import { ImageDecoder } from "../../../extensions/image/decode.ts";
import { Turbojpeg } from "../../../extensions/image/turbojpeg.ts";
import { digestOf, imageFile, PILLOW } from "../../support/image-files.ts";
import { decodeFile } from "./image-fixtures.ts";

const jpeg = await Turbojpeg.open();
const decoder = new ImageDecoder();
const JPEGS = Object.keys(PILLOW.decoded).filter((name) => name.endsWith(".jpg"));

const size = fc.integer({ min: 1, max: 70 });
const encoded = fc.record({
  width: size,
  height: size,
  seed: fc.integer({ min: 1, max: 2 ** 31 - 1 }),
  channels: fc.constantFrom(1 as const, 3 as const),
  quality: fc.integer({ min: 1, max: 100 }),
  chromaSubsampling: fc.constantFrom("4:4:4", "4:2:0"),
  progressive: fc.boolean(),
  optimiseCoding: fc.boolean(),
  channel: fc.constantFrom("rgb" as const, "gray" as const),
});

describe.skipIf(jpeg === null)("the JPEG decoder by libturbojpeg", () => {
  it.each(JPEGS)("%s is decoded to the same pixels as by Pillow", async (name) => {
    const known = PILLOW.decoded[name];
    const digests: unknown[] = [];
    for (const options of [{ orient: false }, { orient: false, channels: "gray" }, {}] as const) {
      const decoded = await decodeFile(imageFile(name), options, decoder);
      digests.push(decoded.kind === "refused" ? decoded.why : digestOf(decoded.image.data));
    }
    expect(digests).toEqual([known?.rgb, known?.gray, known?.turned.rgb]);
  });

  it("gives the pixels of libvips for any size, quality, subsampling and coding", async () => {
    await fc.assert(
      fc.asyncProperty(encoded, async ({ width, height, seed, channels, channel, ...options }) => {
        const pixels = noise(width * height * channels, seed);
        const bytes = await sharp(pixels, { raw: { width, height, channels } }).jpeg(options).toBuffer();
        const [ours, theirs] = [
          await decodeFile(bytes, { channels: channel }, decoder),
          await decodeFile(bytes, { channels: channel }),
        ];
        expect(ours).toEqual(theirs);
        expect(jpeg?.sizeOf(bytes)).toEqual({ width, height });
      }),
      { numRuns: 300 },
    );
  });

  it("reuses its memory: the pixels are those of the last image", async () => {
    const [large, small] = [imageFile("rgb.jpg"), imageFile("gray.jpg")].map((bytes) => {
      const found = jpeg?.sizeOf(bytes) ?? { width: 0, height: 0 };
      return jpeg?.decode(bytes, found)?.data.buffer;
    });
    expect(large).toBeDefined();
    expect(small).toBe(large);
  });

  it("gives each of many images its own pixels while they are decoded concurrently", async () => {
    const files = Array.from({ length: 20 }, () => [
      "rgb.jpg",
      "gray.jpg",
      "progressive.jpg",
      "rgb.png",
    ]).flat();
    const by = async (found?: ImageDecoder) =>
      Promise.all(files.map((name) => decodeFile(imageFile(name), {}, found)));
    expect(await by(decoder)).toEqual(await by());
  });

  it("turns an image whose EXIF data lies behind fill bytes, as libvips does", async () => {
    const turned = imageFile("turn-6.jpg");
    const filled = Buffer.concat([turned.subarray(0, 2), Buffer.alloc(5, 0xff), turned.subarray(2)]);
    expect(await decodeFile(filled, {}, decoder)).toEqual(await decodeFile(filled));
    expect(await decodeFile(filled, {}, decoder)).toEqual(await decodeFile(turned, {}, decoder));
  });

  it("leaves inks, damage and other formats to libvips", () => {
    const rgb = imageFile("rgb.jpg");
    expect(jpeg?.sizeOf(imageFile("cmyk.jpg"))).toBeNull();
    expect(jpeg?.sizeOf(imageFile("rgb.png"))).toBeNull();
    expect(jpeg?.sizeOf(Buffer.alloc(0))).toBeNull();
    expect(jpeg?.sizeOf(rgb.subarray(0, 20))).toBeNull();
    const half = rgb.subarray(0, rgb.length >> 1);
    expect(jpeg?.decode(half, jpeg.sizeOf(half) ?? { width: 0, height: 0 })).toBeNull();
  });

  it("refuses a JPEG with any byte damaged as libvips does, and with the same pixels if it is accepted", async () => {
    const bytes = imageFile("rgb.jpg");
    for (let at = 0; at < bytes.length; at += 7) {
      const damaged = Buffer.from(bytes);
      damaged[at] = (damaged[at] ?? 0) ^ 0x55;
      expect(await decodeFile(damaged, {}, decoder), `byte ${at}`).toEqual(await decodeFile(damaged));
    }
  });

  it("a size above the limit is refused without decoding", async () => {
    const bytes = imageFile("rgb.jpg");
    const { width, height } = jpeg?.sizeOf(bytes) ?? { width: 0, height: 0 };
    const refused = await decodeFile(bytes, { maxPixels: width * height - 1 }, decoder);
    expect(refused).toEqual(await decodeFile(bytes, { maxPixels: width * height - 1 }));
    expect(refused.kind).toBe("refused");
  });
});

describe("without libturbojpeg", () => {
  it("there is no decoder, and libvips decodes", async () => {
    expect(await Turbojpeg.open("libturbojpeg-that-is-missing.so")).toBeNull();
    expect((await decodeFile(imageFile("rgb.jpg"))).kind).toBe("decoded");
  });
});

/** Returns reproducible noise, by xorshift. */
function noise(bytes: number, seed: number): Buffer {
  const out = Buffer.alloc(bytes);
  let state = seed;
  for (let at = 0; at < bytes; at += 1) {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    out[at] = state & 255;
  }
  return out;
}
