import fc from "fast-check";
import sharp from "sharp";
import { describe, expect, it } from "vitest";
import { ImageDecoder } from "../../../extensions/image/decode.ts";
import { lineScaler } from "../../../extensions/image/line-scaler.ts";
import {
  type NativeDecoder,
  type NativeLibrary,
  openNative,
} from "../../../extensions/image/native-decoder.ts";
import { TURBOJPEG } from "../../../extensions/image/turbojpeg.ts";
import { isPlainWebp, LIBWEBP } from "../../../extensions/image/webp.ts";
import { digestOf, imageFile, PILLOW } from "../../support/image-files.ts";
import { decodeFile } from "./image-fixtures.ts";

/** Decoders of the system, by format. Null: the library is not installed. */
const NATIVE = { JPEG: await openNative(TURBOJPEG), WebP: await openNative(LIBWEBP) };
const decoder = new ImageDecoder();
const turned = { orient: true };

const size = fc.integer({ min: 1, max: 70 });
const picture = fc.record({
  width: size,
  height: size,
  seed: fc.integer({ min: 1, max: 2 ** 31 - 1 }),
  /** Number of adjacent bytes that are equal: noise, or areas of one colour. */
  run: fc.constantFrom(1, 5, 600),
  channels: fc.constantFrom(1 as const, 3 as const),
});
const quality = fc.integer({ min: 1, max: 100 });
const jpegOptions = fc.record({
  quality,
  chromaSubsampling: fc.constantFrom("4:4:4", "4:2:0"),
  progressive: fc.boolean(),
  optimiseCoding: fc.boolean(),
});
const webpOptions = fc.record({
  quality,
  lossless: fc.boolean(),
  nearLossless: fc.boolean(),
  smartSubsample: fc.boolean(),
  effort: fc.integer({ min: 0, max: 6 }),
});

interface Case {
  readonly format: keyof typeof NATIVE;
  /** Files in `images/` that the library decodes. */
  readonly own: readonly string[];
  /** Files of its format that it leaves to libvips. */
  readonly left: readonly string[];
  readonly options: fc.Arbitrary<object>;
}

const CASES: readonly Case[] = [
  { format: "JPEG", own: ["rgb.jpg", "gray.jpg"], left: ["cmyk.jpg", "turn-6.jpg"], options: jpegOptions },
  {
    format: "WebP",
    own: ["lossy.webp", "lossless.webp"],
    left: ["alpha.webp", "turn-6.webp"],
    options: webpOptions,
  },
];

for (const { format, own, left, options } of CASES) {
  const found = NATIVE[format];
  describe.skipIf(found === null)(`the native decoder of ${format}`, () => {
    const native = found as NativeDecoder;
    const ending = { JPEG: ".jpg", WebP: ".webp" }[format];
    const names = Object.keys(PILLOW.decoded).filter((name) => name.endsWith(ending));

    it.each(names)("%s is decoded to the same pixels as by Pillow", async (name) => {
      const known = PILLOW.decoded[name];
      const digests: unknown[] = [];
      for (const plan of [{ orient: false }, { orient: false, channels: "gray" }, {}] as const) {
        const decoded = await decodeFile(imageFile(name), plan, decoder);
        digests.push(decoded.kind === "refused" ? decoded.why : digestOf(decoded.image.data));
      }
      expect(digests).toEqual([known?.rgb, known?.gray, known?.turned.rgb]);
    });

    it("gives the pixels of libvips for any size, quality and coding", async () => {
      await fc.assert(
        fc.asyncProperty(
          picture,
          options,
          fc.constantFrom("rgb", "gray"),
          async (image, coding, channels) => {
            const { width, height, channels: given } = image;
            const pixels = sharp(noise(image), { raw: { width, height, channels: given } });
            const bytes = await (format === "JPEG" ? pixels.jpeg(coding) : pixels.webp(coding)).toBuffer();
            const [ours, theirs] = [
              await decodeFile(bytes, { channels }, decoder),
              await decodeFile(bytes, { channels }),
            ];
            expect(ours).toEqual(theirs);
            expect(native.sizeOf(bytes, turned)).toEqual({ width, height });
          },
        ),
        { numRuns: 200 },
      );
    });

    it("writes into the memory of its caller", () => {
      for (const name of own) {
        const file = imageFile(name);
        const found = native.sizeOf(file, turned) ?? { width: 0, height: 0 };
        const rgb = lineScaler().frame(found.width * found.height * 3);
        expect(native.decode(file, found, rgb)).toBe(true);
        expect(digestOf(rgb)).toBe(PILLOW.decoded[name]?.rgb);
      }
    });

    it("gives each of many images its own pixels while they are decoded concurrently", async () => {
      const files = Array.from({ length: 20 }, () => [...own, ...left, "rgb.png", "rgb.jpg"]).flat();
      const by = async (found?: ImageDecoder) =>
        Promise.all(files.map((name) => decodeFile(imageFile(name), {}, found)));
      expect(await by(decoder)).toEqual(await by());
    });

    it("leaves images to libvips that must be changed, are damaged, or of another format", () => {
      for (const name of [...left, "rgb.png", "lzw.tif"])
        expect(native.sizeOf(imageFile(name), turned), name).toBeNull();
      expect(native.sizeOf(Buffer.alloc(0), turned)).toBeNull();
      for (const name of own) expect(native.sizeOf(imageFile(name).subarray(0, 20), turned), name).toBeNull();
    });

    it.each(own)(
      "refuses %s with any byte damaged as libvips does, or gives the same pixels",
      async (name) => {
        const bytes = imageFile(name);
        for (let at = 0; at < bytes.length; at += 7) {
          const damaged = Buffer.from(bytes);
          damaged[at] = (damaged[at] ?? 0) ^ 0x55;
          expect(await decodeFile(damaged, {}, decoder), `byte ${at}`).toEqual(await decodeFile(damaged));
          const cut = bytes.subarray(0, at);
          expect(await decodeFile(cut, {}, decoder), `${at} bytes`).toEqual(await decodeFile(cut));
        }
      },
    );

    it.each(own)("refuses %s above the limit of pixels, without decoding", async (name) => {
      const bytes = imageFile(name);
      const { width, height } = native.sizeOf(bytes, turned) ?? { width: 0, height: 0 };
      const refused = await decodeFile(bytes, { maxPixels: width * height - 1 }, decoder);
      expect(refused).toEqual(await decodeFile(bytes, { maxPixels: width * height - 1 }));
      expect(refused.kind).toBe("refused");
    });
  });
}

describe.skipIf(NATIVE.JPEG === null)("libturbojpeg", () => {
  it("turns an image whose EXIF data lies behind fill bytes, as libvips does", async () => {
    const bytes = imageFile("turn-6.jpg");
    const filled = Buffer.concat([bytes.subarray(0, 2), Buffer.alloc(5, 0xff), bytes.subarray(2)]);
    expect(await decodeFile(filled, {}, decoder)).toEqual(await decodeFile(filled));
    expect(await decodeFile(filled, {}, decoder)).toEqual(await decodeFile(bytes, {}, decoder));
  });

  it("reports half an image as damaged", () => {
    const file = imageFile("rgb.jpg");
    const half = file.subarray(0, file.length >> 1);
    const { width, height } = NATIVE.JPEG?.sizeOf(half, turned) ?? { width: 0, height: 0 };
    expect(NATIVE.JPEG?.decode(half, { width, height }, lineScaler().frame(width * height * 3))).toBe(false);
  });
});

describe("isPlainWebp", () => {
  it("accepts one opaque image alone", () => {
    const names = Object.keys(PILLOW.decoded).filter((name) => name.endsWith(".webp"));
    expect(names.filter((name) => isPlainWebp(imageFile(name)))).toEqual(["lossless.webp", "lossy.webp"]);
  });

  it("refuses frames, profiles, and alpha of both kinds", async () => {
    const raw = { raw: { width: 4, height: 4, channels: 4 } } as const;
    const image = () => sharp(noise({ width: 4, height: 4, channels: 4, seed: 3, run: 1 }), raw);
    const files = [
      image().webp({ lossless: true }),
      image().webp(),
      image().removeAlpha().withIccProfile("p3").webp(),
      image()
        .removeAlpha()
        .withExif({ IFD0: { Copyright: "nobody" } })
        .webp(),
    ];
    for (const file of files) expect(isPlainWebp(await file.toBuffer())).toBe(false);
    expect(isPlainWebp(await image().removeAlpha().webp().toBuffer())).toBe(true);
  });

  it("refuses a file with more bytes or fewer than its headers say", () => {
    const file = imageFile("lossy.webp");
    expect(isPlainWebp(file)).toBe(true);
    for (const length of [0, 12, 20, 29, file.length - 1])
      expect(isPlainWebp(file.subarray(0, length))).toBe(false);
    expect(isPlainWebp(Buffer.concat([file, Buffer.alloc(2)]))).toBe(false);
    const longer = Buffer.from(file);
    longer.writeUInt32LE(0xffff_ffff, 16);
    expect(isPlainWebp(longer)).toBe(false);
  });
});

describe("without the libraries", () => {
  it.each([TURBOJPEG, LIBWEBP])("there is no decoder of $format, and libvips decodes", async (library) => {
    const missing = "missing-library.so";
    const files: NativeLibrary["files"] = { linux: missing, darwin: missing, win32: missing };
    expect(await openNative({ ...library, files })).toBeNull();
    const file = imageFile(library.format === "JPEG" ? "rgb.jpg" : "lossy.webp");
    expect((await decodeFile(file)).kind).toBe("decoded");
  });
});

interface Noise {
  readonly width: number;
  readonly height: number;
  readonly channels: number;
  readonly seed: number;
  readonly run: number;
}

/** Returns reproducible noise, by xorshift. */
function noise({ width, height, channels, seed, run }: Noise): Buffer {
  const out = Buffer.alloc(width * height * channels);
  let state = seed;
  for (let at = 0; at < out.length; at += 1) {
    if (at % run === 0) {
      state ^= state << 13;
      state ^= state >>> 17;
      state ^= state << 5;
    }
    out[at] = state & 255;
  }
  return out;
}
