import type { FileHandle } from "node:fs/promises";

/** Violation of protobuf's encoding. The reader that catches it adds the path. */
export class ProtobufFault extends Error {}

interface ProtobufField {
  readonly field: number;
  /** Length of the content that follows, for a string or a message. Null: a number, which was skipped. */
  readonly bytes: number | null;
}

const WINDOW_BYTES = 256 << 10;

/** Longest tag or length: a varint of 64 bits. */
const VARINT_BYTES = 10;

const WIRE = { varint: 0, fixed64: 1, bytes: 2, fixed32: 5 } as const;

/**
 * Reads the fields of a protobuf file in order, through a window. Skipped content is not read. Encoding:
 * https://protobuf.dev/programming-guides/encoding/
 *
 * @throws {ProtobufFault} on anything that the encoding does not allow, groups included (ONNX has none)
 */
export class ProtobufStream {
  /** Position of the next byte, from the start of the file. */
  position = 0;
  readonly #file: FileHandle;
  readonly #size: number;
  readonly #window = Buffer.alloc(WINDOW_BYTES);
  #windowStart = 0;
  #windowBytes = 0;

  constructor(file: FileHandle, size: number) {
    this.#file = file;
    this.#size = size;
  }

  /** Reads the next field of a message that ends at `end`. The field's content, if any, follows. */
  async next(end: number): Promise<ProtobufField> {
    const start = this.position;
    await this.#fill(Math.min(2 * VARINT_BYTES, this.#size - start));
    const tag = this.#varint(end);
    const field = Math.floor(tag / 8);
    if (field < 1 || field >= 2 ** 29)
      throw new ProtobufFault(`no field has the number ${field} (at byte ${start})`);
    switch (tag % 8) {
      case WIRE.varint:
        this.#varint(end);
        return { field, bytes: null };
      case WIRE.fixed64:
        return this.#fixed(field, 8, end);
      case WIRE.fixed32:
        return this.#fixed(field, 4, end);
      case WIRE.bytes: {
        const bytes = this.#varint(end);
        if (this.position + bytes > end) {
          throw new ProtobufFault(
            `${bytes} bytes at byte ${this.position}, in a message that ends at ${end}`,
          );
        }
        return { field, bytes };
      }
      default:
        throw new ProtobufFault(`no field is of type ${tag % 8} (at byte ${start})`);
    }
  }

  skip(bytes: number): void {
    this.position += bytes;
  }

  /** Reads the next `bytes` as text, cut to `limit`. */
  async text(bytes: number, limit: number): Promise<string> {
    const kept = Math.min(bytes, limit);
    await this.#fill(kept);
    const from = this.position - this.#windowStart;
    const text = this.#window.toString("utf8", from, from + kept);
    this.skip(bytes);
    return text;
  }

  #fixed(field: number, bytes: number, end: number): ProtobufField {
    this.skip(bytes);
    if (this.position > end)
      throw new ProtobufFault(`a number that ends at byte ${this.position}, after ${end}`);
    return { field, bytes: null };
  }

  /** Reads a varint in the window. Values above 2^53 are inexact, which no valid tag or length reaches. */
  #varint(end: number): number {
    let value = 0;
    for (let index = 0; index < VARINT_BYTES; index += 1) {
      if (this.position >= end) throw new ProtobufFault(`it ends in the middle of a number (at byte ${end})`);
      const byte = this.#window[this.position - this.#windowStart] ?? 0;
      this.position += 1;
      value += (byte & 0x7f) * 2 ** (7 * index);
      if (byte < 0x80) return value;
    }
    throw new ProtobufFault(`a number of more than ${VARINT_BYTES} bytes (before byte ${this.position})`);
  }

  async #fill(bytes: number): Promise<void> {
    const from = this.position - this.#windowStart;
    if (from >= 0 && from + bytes <= this.#windowBytes) return;
    const { bytesRead } = await this.#file.read(this.#window, 0, WINDOW_BYTES, this.position);
    this.#windowStart = this.position;
    this.#windowBytes = bytesRead;
    if (bytesRead < bytes) throw new ProtobufFault(`it ends at byte ${this.position + bytesRead}`);
  }
}
