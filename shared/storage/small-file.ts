import type { ByteSource } from "./storage.ts";

/**
 * Bytes fetched at once: whole files up to this size, or the end of a larger file. Most footers are smaller,
 * at about 100 bytes a column chunk, so one request opens a file.
 */
export const END_BYTES = 64 << 10;

export function isSmallFile({ bytes }: { readonly bytes: number }): boolean {
  return bytes <= END_BYTES;
}

/**
 * Limit of a distant file that one request reads whole. Its end and its rows would take two, in turn. A
 * request takes the CPU time of 100 to 300 KiB, and a round trip as long as some mebibytes.
 */
const ONE_READ_BYTES = 512 << 10;

/** Checks whether one read of a whole distant file is cheaper than reads of its end and of its rows. */
export function fitsOneRead({ bytes }: { readonly bytes: number }): boolean {
  return bytes <= ONE_READ_BYTES;
}

/** Makes a source of a file whose end was fetched. Reads of the end return copies. */
export function tailedSource(source: ByteSource, tail: Uint8Array): ByteSource {
  const tailStart = source.bytes - tail.length;
  const { path, bytes } = source;
  return {
    ...{ path, bytes },
    read: async (start, end, signal) => {
      if (start < tailStart) return await source.read(start, end, signal);
      signal.throwIfAborted();
      return tail.slice(start - tailStart, end - tailStart);
    },
  };
}

/** Makes a source of a fetched file. Each read returns a copy, which the reader owns. */
export function fetchedSource(path: string, bytes: Uint8Array): ByteSource {
  return {
    path,
    bytes: bytes.length,
    read: async (start, end, signal) => {
      signal.throwIfAborted();
      return bytes.slice(start, end);
    },
  };
}
