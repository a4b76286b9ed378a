import type { ByteSource } from "./storage.ts";

/**
 * What is fetched of a file at once: a file up to this size whole, many of them at a time; of a larger one so
 * much of its end. Most footers are smaller, at about 100 bytes a column chunk, so one request opens a file.
 */
export const END_BYTES = 64 << 10;

export function isSmallFile({ bytes }: { readonly bytes: number }): boolean {
  return bytes <= END_BYTES;
}

/** A file whose end has been fetched. Of that, each read gives a copy; what lies before is read as ever. */
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

/** A file that has been fetched. Each read gives a copy, which is the reader's own. */
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
