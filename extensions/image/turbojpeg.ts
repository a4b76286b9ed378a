import { orientationOf, UPRIGHT } from "./image-format.ts";
import type { NativeLibrary } from "./native-decoder.ts";

// Values of turbojpeg.h, which stay the same for all versions since 1.4.
const RGB = 0;
/** Transform that Pillow uses. The library's own default differs by a level in some pixels. */
const ACCURATE_DCT = 4096;
/** Refuses progressive images with hundreds of scans, which take minutes to decode. */
const LIMIT_SCANS = 32_768;
/** Colour spaces that become RGB: RGB, YCbCr and grey. Inks need the rules of Pillow. */
const TO_RGB: ReadonlySet<number> = new Set([0, 1, 2]);

type Out = [number];

/**
 * JPEG by libturbojpeg, in a quarter of the CPU time of libvips.
 *
 * Source: turbojpeg.h of libjpeg-turbo, the TurboJPEG API version 1.4, which later versions include.
 */
export const TURBOJPEG: NativeLibrary = {
  format: "JPEG",
  name: "libturbojpeg",
  files: { linux: "libturbojpeg.so.0", darwin: "libturbojpeg.dylib", win32: "turbojpeg.dll" },
  packages: "Debian: libturbojpeg0, Ubuntu: libturbojpeg, Fedora and RHEL: turbojpeg",
  project: "libjpeg-turbo",
  open(library) {
    const init = library.func("void *tjInitDecompress()");
    const header = library.func(
      "int tjDecompressHeader3(void *, const uint8_t *, unsigned long, _Out_ int *, _Out_ int *, _Out_ int *, _Out_ int *)",
    );
    const decompress = library.func(
      "int tjDecompress2(void *, const uint8_t *, unsigned long, uint8_t *, int, int, int, int, int)",
    );
    const destroy = library.func("int tjDestroy(void *)");
    const handle: unknown = init();
    if (handle === null) return null;
    return {
      sizeOf(jpeg, { orient }) {
        if (orient && orientationOf(jpeg) !== UPRIGHT) return null;
        const [width, height, subsampling, space]: [Out, Out, Out, Out] = [[0], [0], [0], [0]];
        if (header(handle, jpeg, jpeg.length, width, height, subsampling, space) !== 0) return null;
        // A file of tables alone is accepted, and has no size.
        return TO_RGB.has(space[0]) && width[0] > 0 ? { width: width[0], height: height[0] } : null;
      },
      decode(jpeg, { width, height }, rgb) {
        const options = [width, 0, height, RGB, ACCURATE_DCT | LIMIT_SCANS];
        return decompress(handle, jpeg, jpeg.length, rgb, ...options) === 0;
      },
      [Symbol.dispose]() {
        destroy(handle);
      },
    };
  },
};
