import { END_BYTES, tailedSource } from "../../shared/storage/small-file.ts";
import type { ByteSource } from "../../shared/storage/storage.ts";

/**
 * Cache of the ends of distant files, which contain the footers. Two concurrent shards of one file open it
 * twice, and the second time needs no read. All reads must be of one version.
 */
export class FileEnds {
  readonly #most: number;
  /** Ends by path, the most recently used one last. */
  readonly #ends = new Map<string, Promise<Uint8Array>>();

  /** @param most limit of files */
  constructor(most: number) {
    this.#most = most;
  }

  /** Returns a source that reads the end of the file once, with the first read in it. */
  cached(source: ByteSource): ByteSource {
    const tailStart = Math.max(0, source.bytes - END_BYTES);
    return {
      ...source,
      read: async (start, end, signal) => {
        if (start < tailStart) return await source.read(start, end, signal);
        return await tailedSource(source, await this.#endOf(source, tailStart, signal)).read(
          start,
          end,
          signal,
        );
      },
    };
  }

  async #endOf(source: ByteSource, tailStart: number, signal: AbortSignal): Promise<Uint8Array> {
    const ask = () => source.read(tailStart, source.bytes, signal);
    // The first reader may have aborted the read.
    const end = this.#ends.get(source.path)?.catch(ask) ?? ask();
    this.#ends.delete(source.path);
    this.#ends.set(source.path, end);
    for (const [path] of this.#ends) {
      if (this.#ends.size <= this.#most) break;
      this.#ends.delete(path);
    }
    return await end;
  }
}
