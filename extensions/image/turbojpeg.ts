import type { UsedLibrary } from "../../shared/extension/library.ts";
import { lineScaler } from "./line-scaler.ts";
import type { Pixels, Size } from "./pixels.ts";

/** Names of the library: that of most Linux distributions, of macOS and of Windows. */
const LIBRARY =
  process.platform === "win32"
    ? "turbojpeg.dll"
    : process.platform === "darwin"
      ? "libturbojpeg.dylib"
      : "libturbojpeg.so.0";

// Values of turbojpeg.h, which stay the same for all versions since 1.4.
const RGB = 0;
/** Transform that Pillow uses. The library's own default differs by a level in some pixels. */
const ACCURATE_DCT = 4096;
/** Refuses progressive images with hundreds of scans, which take minutes to decode. */
const LIMIT_SCANS = 32_768;
/** Colour spaces that become RGB: RGB, YCbCr and grey. Inks need the rules of Pillow. */
const TO_RGB: ReadonlySet<number> = new Set([0, 1, 2]);

type Out = [number];
type Header = (handle: unknown, jpeg: Uint8Array, bytes: number, ...facts: Out[]) => number;
type Decompress = (
  handle: unknown,
  jpeg: Uint8Array,
  bytes: number,
  pixels: Uint8Array,
  ...options: number[]
) => number;

interface Functions {
  readonly handle: unknown;
  readonly destroy: (handle: unknown) => number;
  readonly header: Header;
  readonly decompress: Decompress;
}

/**
 * JPEG decoder by libturbojpeg, which takes a quarter of the CPU time of libvips. Gives the same pixels, bit
 * for bit, and reuses its memory. It only decodes undamaged images. All others are left to libvips, so that
 * both refuse the same images for the same reasons.
 *
 * Source: turbojpeg.h of libjpeg-turbo, the TurboJPEG API version 1.4, which later versions include.
 */
export class Turbojpeg implements Disposable {
  readonly #functions: Functions;
  readonly #facts: [width: Out, height: Out, subsampling: Out, space: Out] = [[0], [0], [0], [0]];

  private constructor(functions: Functions) {
    this.#functions = functions;
  }

  /** Opens the library. Null: it is not installed, or `SHARDMILL_JPEG=libvips` excludes it. */
  static async open(library = LIBRARY): Promise<Turbojpeg | null> {
    if (process.env.SHARDMILL_JPEG === "libvips") return null;
    const koffi = (await import("koffi")).default;
    try {
      const loaded = koffi.load(library);
      const init = loaded.func("void *tjInitDecompress()");
      const header = loaded.func(
        "int tjDecompressHeader3(void *, const uint8_t *, unsigned long, _Out_ int *, _Out_ int *, _Out_ int *, _Out_ int *)",
      );
      const decompress = loaded.func(
        "int tjDecompress2(void *, const uint8_t *, unsigned long, uint8_t *, int, int, int, int, int)",
      );
      const destroy = loaded.func("int tjDestroy(void *)");
      const handle: unknown = init();
      return handle === null ? null : new Turbojpeg({ handle, destroy, header, decompress });
    } catch (error) {
      if (error instanceof Error) return null;
      throw error;
    }
  }

  /** Reads the size of an image. Null: the image is not for this decoder. */
  sizeOf(jpeg: Uint8Array): Size | null {
    const [width, height, , space] = this.#facts;
    if (this.#functions.header(this.#functions.handle, jpeg, jpeg.length, ...this.#facts) !== 0) return null;
    // A file of tables alone is accepted, and has no size.
    return TO_RGB.has(space[0]) && width[0] > 0 ? { width: width[0], height: height[0] } : null;
  }

  /**
   * Decodes an image to RGB, in the memory of this thread's scaler. Null: it is damaged. The pixels are valid
   * until the next call.
   *
   * @param size as {@link sizeOf} returned it
   */
  decode(jpeg: Uint8Array, { width, height }: Size): Pixels | null {
    const data = lineScaler().frame(width * height * 3);
    const { handle, decompress } = this.#functions;
    const options = [width, 0, height, RGB, ACCURATE_DCT | LIMIT_SCANS];
    if (decompress(handle, jpeg, jpeg.length, data, ...options) !== 0) return null;
    return { width, height, channels: 3, data };
  }

  /** Frees the library's memory. The decoder must not be used afterwards. */
  [Symbol.dispose](): void {
    this.#functions.destroy(this.#functions.handle);
  }
}

/** Finds the library that decodes JPEG in this process. */
export async function findLibrary(): Promise<UsedLibrary> {
  using jpeg = await Turbojpeg.open();
  if (jpeg !== null) return { used: "libturbojpeg", hint: null };
  const install =
    process.platform === "linux"
      ? "install libturbojpeg (Debian: libturbojpeg0, Ubuntu: libturbojpeg, Fedora and RHEL: turbojpeg)"
      : `install libjpeg-turbo, so that ${LIBRARY} is on the library path`;
  return { used: "libvips", hint: `${install}: it takes a quarter of the CPU time for the same pixels` };
}
