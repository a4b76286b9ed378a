import type { LibraryHandle } from "koffi";
import type { UsedLibrary } from "../../shared/extension/library.ts";
import type { Size } from "./pixels.ts";

/** Decoder of one format by a native library, for one thread. */
export interface NativeDecoder extends Disposable {
  /**
   * Reads the size of an image from its header.
   *
   * @param options.orient turns the image by its EXIF data
   * @returns null: the image is not for this decoder
   */
  sizeOf(file: Uint8Array, options: { readonly orient: boolean }): Size | null;
  /**
   * Decodes an image.
   *
   * @param size as {@link sizeOf} returned it
   * @param rgb gets three bytes for each pixel, row by row
   * @returns false: the image is damaged
   */
  decode(file: Uint8Array, size: Size, rgb: Uint8Array): boolean;
}

/**
 * Library of the system that decodes a format faster than libvips. It gives the same pixels, bit for bit, and
 * writes them into the memory of its caller. It only decodes undamaged, upright images without alpha. All
 * others are left to libvips, so that both refuse the same images for the same reasons.
 */
export interface NativeLibrary {
  /** Format of its images, as {@link imageFormat} returns it. */
  readonly format: "JPEG" | "WebP";
  readonly name: string;
  /** Names of its file: that of most Linux distributions, of macOS and of Windows. */
  readonly files: { readonly linux: string; readonly darwin: string; readonly win32: string };
  /** Package on Linux, by distribution. */
  readonly packages: string;
  /** Project that has the library, for other systems. */
  readonly project: string;
  /** Opens a decoder. Null: the library has no memory for it. */
  open(library: LibraryHandle): NativeDecoder | null;
}

/** Opens a decoder. Null: its library is not installed, or `SHARDMILL_<FORMAT>=libvips` excludes it. */
export async function openNative(library: NativeLibrary): Promise<NativeDecoder | null> {
  if (process.env[`SHARDMILL_${library.format.toUpperCase()}`] === "libvips") return null;
  const koffi = (await import("koffi")).default;
  try {
    return library.open(koffi.load(fileOf(library)));
  } catch (error) {
    if (error instanceof Error) return null;
    throw error;
  }
}

/** Finds the library that decodes the format in this process. */
export async function findNative(library: NativeLibrary): Promise<UsedLibrary> {
  using decoder = await openNative(library);
  const { name, packages, project } = library;
  if (decoder !== null) return { used: name, hint: null };
  const install =
    process.platform === "linux"
      ? `install ${name} (${packages})`
      : `install ${project}, so that ${fileOf(library)} is on the library path`;
  return { used: "libvips", hint: `${install}: it takes a quarter of the CPU time for the same pixels` };
}

function fileOf({ files }: NativeLibrary): string {
  const { platform } = process;
  return platform === "win32" || platform === "darwin" ? files[platform] : files.linux;
}
