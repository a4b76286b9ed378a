import { closeSync, fstatSync, openSync, readSync } from "node:fs";
import type { SetFacts } from "./op.ts";
import { placesOf, type SetPlaces } from "./packed-set.ts";

/** Limit of a set that is read whole, by each thread. Single reads of a larger one cost little beside it. */
const WHOLE_BYTES = 16 << 20;

/** Packed set on this machine, for single vectors and ids. */
export class SetFile implements Disposable {
  readonly #handle: number;
  readonly #facts: SetFacts;
  readonly #places: SetPlaces;
  readonly #whole: Uint8Array<ArrayBuffer> | null;
  readonly #vector: Float32Array<ArrayBuffer>;

  constructor(path: string, facts: SetFacts) {
    this.#handle = openSync(path, "r");
    this.#facts = facts;
    this.#places = placesOf(facts);
    this.#vector = new Float32Array(facts.dims);
    const { size } = fstatSync(this.#handle);
    this.#whole = size <= WHOLE_BYTES ? this.#read(0, new Uint8Array(size)) : null;
  }

  /** Returns a vector, in memory that the next call reuses. */
  vector(row: number): Float32Array {
    const { dims } = this.#facts;
    const start = 4 * row * dims;
    if (this.#whole !== null) return new Float32Array(this.#whole.buffer, start, dims);
    this.#read(start, new Uint8Array(this.#vector.buffer));
    return this.#vector;
  }

  id(row: number): string | number | bigint {
    const { ids, texts } = this.#places;
    const type = this.#facts.ids;
    if (type === "string") {
      const start = row === 0 ? 0 : this.#bytes(ids + 4 * (row - 1), 4).readUInt32LE();
      const end = this.#bytes(ids + 4 * row, 4).readUInt32LE();
      return this.#bytes(texts + start, end - start).toString();
    }
    const bytes = this.#bytes(ids + 8 * row, 8);
    if (type === "uint64") return bytes.readBigUInt64LE();
    const value = bytes.readBigInt64LE();
    return type === "int64" ? value : Number(value);
  }

  [Symbol.dispose](): void {
    closeSync(this.#handle);
  }

  #bytes(start: number, length: number): Buffer {
    if (this.#whole !== null) return Buffer.from(this.#whole.buffer, start, length);
    const bytes = Buffer.alloc(length);
    this.#read(start, bytes);
    return bytes;
  }

  #read<T extends Uint8Array>(start: number, into: T): T {
    let done = 0;
    while (done < into.length) {
      const read = readSync(this.#handle, into, done, into.length - done, start + done);
      if (read === 0) throw new Error("broken invariant: a packed set has all of its bytes");
      done += read;
    }
    return into;
  }
}
