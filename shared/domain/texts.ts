import { ShardmillError } from "../core/errors.ts";
import { decodeUtf8 } from "../core/utf8.ts";
import { dtypeBytes, type ElementType } from "./tensor.ts";

/**
 * Size of an offset in a buffer of texts, which threads transfer like buffers of numbers. The buffer has
 * `count + 1` offsets of 32 bits, then the UTF-8 bytes that they point to.
 *
 * ```
 * 0  2  2  5 | h i a b c        "hi", "", "abc"
 * ```
 */
const OFFSET_BYTES = 4;

/**
 * Limit of text bytes in one tensor. Offsets end at 2^31, and ONNX Runtime keeps another copy of each text.
 */
const MOST_BYTES = 1 << 30;

/** Estimate for a text of unknown length: most category names are shorter. */
const ABOUT_TEXT_BYTES = 64;

/** Returns the bytes of an element in memory, for texts an estimate. */
export function elementBytes(dtype: ElementType): number {
  return dtype === "string" ? ABOUT_TEXT_BYTES : dtypeBytes(dtype);
}

/** Packs `count` texts into one buffer. */
export class TextsWriter {
  readonly #offsets: Int32Array;
  #bytes = new Uint8Array(1 << 12);
  #texts = 0;

  constructor(count: number) {
    this.#offsets = new Int32Array(count + 1);
  }

  /** @throws {OUT_OF_MEMORY} when the texts are too long for one tensor: half as many rows may fit */
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

  /** Appends the last `count` texts again. */
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

/** Returns views of packed texts. Text i is bytes `[offsets[i], offsets[i + 1])`. */
export function openTexts(
  data: ArrayBuffer,
  count: number,
): { readonly offsets: Int32Array; readonly bytes: Uint8Array } {
  const head = (count + 1) * OFFSET_BYTES;
  return { offsets: new Int32Array(data, 0, count + 1), bytes: new Uint8Array(data, head) };
}

/** Decodes packed texts. Bytes that are not UTF-8 become the replacement character. */
export function unpackTexts(data: ArrayBuffer, count: number): string[] {
  const { offsets, bytes } = openTexts(data, count);
  const all = decodeUtf8(bytes);
  const texts: string[] = new Array(count);
  // Equal counts of characters and bytes mean ASCII, so byte offsets are also character offsets.
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
