import type { NativeLibrary } from "./native-decoder.ts";

/** Bytes of the file's header, of a chunk's header, and of the longest header of an image. */
const [RIFF_BYTES, CHUNK_BYTES, IMAGE_BYTES] = [12, 8, 10];
/** Bit of a lossless image's header, behind its width and height, that announces alpha. */
const LOSSLESS_ALPHA = 1 << 28;

/**
 * Returns true for a file of one opaque image and nothing else. Frames, alpha of lossy images, EXIF data and
 * profiles are further chunks.
 *
 * Source: RFC 9649, sections 2.5, 2.6 and 3.4.
 */
export function isPlainWebp(file: Uint8Array): boolean {
  if (file.length < RIFF_BYTES + CHUNK_BYTES + IMAGE_BYTES) return false;
  const view = new DataView(file.buffer, file.byteOffset, file.length);
  const tag = (at: number) => Buffer.from(file.subarray(at, at + 4)).toString("latin1");
  if (tag(0) !== "RIFF" || tag(8) !== "WEBP") return false;
  // A chunk of an odd length has one more byte.
  const chunk = view.getUint32(RIFF_BYTES + 4, true);
  const end = RIFF_BYTES + CHUNK_BYTES + chunk + (chunk % 2);
  if (end !== file.length || view.getUint32(4, true) + 8 !== end) return false;
  const kind = tag(RIFF_BYTES);
  if (kind !== "VP8L") return kind === "VP8 ";
  return (view.getUint32(RIFF_BYTES + CHUNK_BYTES + 1, true) & LOSSLESS_ALPHA) === 0;
}

/**
 * WebP by libwebp, in a quarter of the CPU time of libvips.
 *
 * Source: webp/decode.h of libwebp 0.1.2. Later versions include it, and its defaults are those of libvips.
 */
export const LIBWEBP: NativeLibrary = {
  format: "WebP",
  name: "libwebp",
  files: { linux: "libwebp.so.7", darwin: "libwebp.7.dylib", win32: "libwebp.dll" },
  packages: "Debian and Ubuntu: libwebp7, Fedora and RHEL: libwebp",
  project: "libwebp",
  open(library) {
    const header = library.func("int WebPGetInfo(const uint8_t *, size_t, _Out_ int *, _Out_ int *)");
    const decode = library.func("void *WebPDecodeRGBInto(const uint8_t *, size_t, uint8_t *, size_t, int)");
    return {
      sizeOf(webp) {
        const [width, height]: [[number], [number]] = [[0], [0]];
        if (!isPlainWebp(webp) || header(webp, webp.length, width, height) === 0) return null;
        return { width: width[0], height: height[0] };
      },
      decode: (webp, { width }, rgb) => decode(webp, webp.length, rgb, rgb.length, 3 * width) !== null,
      [Symbol.dispose]() {
        // Nothing stays open between images.
      },
    };
  },
};
