import { END_BYTES, tailedSource } from "../../shared/storage/small-file.ts";
import type { ByteSource } from "../../shared/storage/storage.ts";

/**
 * Ends of files far away, where the footers are: two shards of one file that are read at once open it twice,
 * and the second time waits for nothing. What is read must be of one version, whoever reads it.
 */
export class KeptEnds {
  readonly #most: number;
  /** By path, the one used last at the end. */
  readonly #ends = new Map<string, Promise<Uint8Array>>();

  /** @param most of so many files */
  constructor(most: number) {
    this.#most = most;
  }

  /** The source, whose end is asked for with the first read of any of it, and once. */
  keptBy(source: ByteSource): ByteSource {
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
    // Whoever asked for it first may have given it up.
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
