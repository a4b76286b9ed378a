import { ShardmillError } from "../core/errors.ts";
import { decodeUtf8 } from "../core/utf8.ts";
import { dtypeBytes, type ElementType } from "./tensor.ts";

/**
 * Texts as one buffer, which travels between threads as that of numbers does: `count + 1` offsets of 32 bits,
 * and the UTF-8 bytes that they point into.
 *
 * ```
 * 0  2  2  5 | h i a b c        "hi", "", "abc"
 * ```
 */
const OFFSET_BYTES = 4;

/** Bytes of the texts of one tensor: offsets end at 2^31, and ONNX Runtime holds each text once more. */
const MOST_BYTES = 1 << 30;

/** What a text counts where nobody knows how long it will be: as many bytes as most categories have. */
const ABOUT_TEXT_BYTES = 64;

/** Bytes of an element in memory; of a text about. */
export function elementBytes(dtype: ElementType): number {
  return dtype === "string" ? ABOUT_TEXT_BYTES : dtypeBytes(dtype);
}

/** Puts so many texts together, one after the other. */
export class TextsWriter {
  readonly #offsets: Int32Array;
  #bytes = new Uint8Array(1 << 12);
  #texts = 0;

  constructor(count: number) {
    this.#offsets = new Int32Array(count + 1);
  }

  /** @throws {OUT_OF_MEMORY} when they are too many bytes for one tensor: half as many rows may do */
  append(bytes: Uint8Array, start = 0, end = bytes.length): void {
    const at = this.#offsets[this.#texts] ?? 0;
    const next = at + end - start;
    if (next > MOST_BYTES) throw tooLong();
    if (next > this.#bytes.length) {
      const larger = new Uint8Array(Math.max(next, 2 * this.#bytes.length));
      larger.set(this.#bytes.subarray(0, at));
      this.#bytes = larger;
    }
    this.#bytes.set(bytes.subarray(start, end), at);
    this.#texts += 1;
    this.#offsets[this.#texts] = next;
  }

  /** The last `count` texts once more. */
  repeat(count: number): void {
    const first = this.#texts - count;
    for (let index = first; index < first + count; index += 1)
      this.append(this.#bytes, this.#offsets[index], this.#offsets[index + 1]);
  }

  finish(): ArrayBuffer {
    const head = this.#offsets.byteLength;
    const total = this.#offsets[this.#texts] ?? 0;
    const packed = new Uint8Array(head + total);
    packed.set(new Uint8Array(this.#offsets.buffer));
    packed.set(this.#bytes.subarray(0, total), head);
    return packed.buffer;
  }
}

export function packTexts(texts: readonly string[]): ArrayBuffer {
  const encoder = new TextEncoder();
  const writer = new TextsWriter(texts.length);
  for (const text of texts) writer.append(encoder.encode(text));
  return writer.finish();
}

/** The packed texts in place: text i is bytes `[offsets[i], offsets[i + 1])`. */
export function openTexts(
  data: ArrayBuffer,
  count: number,
): { readonly offsets: Int32Array; readonly bytes: Uint8Array } {
  const head = (count + 1) * OFFSET_BYTES;
  return { offsets: new Int32Array(data, 0, count + 1), bytes: new Uint8Array(data, head) };
}

/** Bytes that are no UTF-8 become the character that stands for such. */
export function unpackTexts(data: ArrayBuffer, count: number): string[] {
  const { offsets, bytes } = openTexts(data, count);
  const all = decodeUtf8(bytes);
  const texts: string[] = new Array(count);
  // As many characters as bytes: each is one, and the text can be cut where the bytes are.
  const isPlain = all.length === bytes.length;
  for (let index = 0; index < count; index += 1) {
    const [start, end] = [offsets[index] ?? 0, offsets[index + 1] ?? 0];
    texts[index] = isPlain ? all.slice(start, end) : decodeUtf8(bytes.subarray(start, end));
  }
  return texts;
}

function tooLong(): ShardmillError {
  return new ShardmillError("OUT_OF_MEMORY", "the texts of a batch are too long for one tensor", {
    fields: { limit: MOST_BYTES },
    hint: "set map.batch.rows to fewer rows",
  });
}
