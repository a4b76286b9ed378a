import { NEVER } from "../core/abort.ts";
import { ShardmillError } from "../core/errors.ts";
import type { ByteSource } from "../storage/storage.ts";
import { inputCorrupt } from "./input-errors.ts";
import type { ParquetTail } from "./parquet-footer.ts";
import type { ParquetRuntime } from "./parquet-runtime.ts";

/** Failure of a read: the store's error or the signal's reason, as opposed to the decoder's errors. */
export class ReadFailure {
  readonly reason: unknown;

  constructor(reason: unknown) {
    this.reason = reason;
  }
}

/**
 * Byte source for the decoder: the two members of `Blob` that it calls.
 *
 * The decoder panics when a read rejects, so a failed read never resolves. Instead it breaks the runtime with
 * the store's error, which rejects everything that runs there.
 */
export class ParquetSource {
  readonly size: number;
  /** Signal of the current read. */
  signal: AbortSignal = NEVER;
  readonly #source: ByteSource;
  readonly #tail: ParquetTail;
  readonly #runtime: ParquetRuntime;

  constructor(source: ByteSource, tail: ParquetTail, runtime: ParquetRuntime) {
    this.size = source.bytes;
    this.#source = source;
    this.#tail = tail;
    this.#runtime = runtime;
  }

  /** Returns this as the type that the decoder's Rust bindings declare. */
  asBlob(): Blob {
    return this as unknown as Blob;
  }

  slice(start: number, end: number): { readonly size: number; arrayBuffer(): Promise<ArrayBuffer> } {
    return {
      size: end - start,
      arrayBuffer: async () => {
        try {
          return await this.#read(start, end);
        } catch (error) {
          this.#runtime.break(new ReadFailure(error));
          return new Promise<never>(() => {});
        }
      },
    };
  }

  async #read(start: number, end: number): Promise<ArrayBuffer> {
    const { path, bytes } = this.#source;
    if (!(start >= 0 && start <= end && end <= bytes)) {
      throw inputCorrupt({
        path,
        where: "footer",
        expected: `column chunks inside the file's ${bytes} bytes`,
        found: `one at [${start}, ${end})`,
      });
    }
    if (start >= this.#tail.start) {
      return ownBuffer(this.#tail.bytes.slice(start - this.#tail.start, end - this.#tail.start));
    }
    const chunk = await this.#source.read(start, end, this.signal);
    if (chunk.length !== end - start) {
      throw new ShardmillError(
        "STORE_FAILED",
        `read ${chunk.length} bytes of [${start}, ${end}) of ${path}`,
        {
          fields: { path, start, end, bytes: chunk.length },
        },
      );
    }
    return ownBuffer(chunk);
  }
}

/** Returns the bytes as one whole ArrayBuffer. Copies them only when they are part of a larger one. */
function ownBuffer({ buffer, byteOffset, byteLength }: Uint8Array): ArrayBuffer {
  const isWhole = buffer instanceof ArrayBuffer && byteLength === buffer.byteLength;
  return (isWhole ? buffer : buffer.slice(byteOffset, byteOffset + byteLength)) as ArrayBuffer;
}
