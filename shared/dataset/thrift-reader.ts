/** Fault of the bytes. The reader that catches it adds the path and the place. */
export class ThriftFault extends Error {}

/**
 * Types of Thrift's compact protocol that callers read. Other types are only skipped. A boolean's type is its
 * value, so no byte follows it.
 */
export const THRIFT = { true: 1, false: 2, i32: 5, i64: 6, binary: 8, list: 9, struct: 12 } as const;

/** Limit of nesting. Parquet's metadata nests some ten levels. Deeper values would exhaust the stack. */
const NESTING_LIMIT = 64;

/**
 * Walks a value in Thrift's compact protocol, such as Parquet's metadata, and reads the requested numbers.
 * Made for hostile bytes. Every step takes at least one byte, so a walk ends in O(bytes) without allocation.
 * Format: https://github.com/apache/thrift/blob/master/doc/specs/thrift-compact-protocol.md
 */
export class ThriftReader {
  readonly #bytes: Uint8Array;
  #at = 0;

  constructor(bytes: Uint8Array) {
    this.#bytes = bytes;
  }

  /** Offset of the next byte. */
  get position(): number {
    return this.#at;
  }

  get isAtEnd(): boolean {
    return this.#at === this.#bytes.length;
  }

  /**
   * Reads the fields of a struct. `onField` reads the field's value and returns true. When it returns false,
   * the field is skipped.
   *
   * @throws {ThriftFault} like every method here, when the bytes end or are invalid
   */
  struct(onField: (id: number, type: number) => boolean): void {
    this.#struct(onField, 0);
  }

  /** Calls `onItem` to read each item of a list of this type. */
  list(itemType: number, onItem: () => void): void {
    const { type, items } = this.#listHead();
    if (items > 0 && type !== itemType) throw new ThriftFault(`a list of type ${type}, not ${itemType}`);
    for (let item = 0; item < items; item += 1) onItem();
  }

  /** Reads a signed integer. @throws {ThriftFault} below -2^52, or from 2^52, because zigzag doubles it */
  integer(): number {
    let raw = 0;
    for (let place = 1, byte = 0x80; byte >= 0x80; place *= 0x80) {
      byte = this.#byte();
      raw += (byte & 0x7f) * place;
      if (!Number.isSafeInteger(raw)) throw new ThriftFault("an integer beyond 2^52");
    }
    // Zigzag: 0, -1, 1, -2, ...
    return raw % 2 === 0 ? raw / 2 : -(raw + 1) / 2;
  }

  /** Reads bytes or a text's bytes, without a copy. */
  bytes(): Uint8Array {
    const length = this.#length();
    this.#pass(length);
    return this.#bytes.subarray(this.#at - length, this.#at);
  }

  #struct(onField: (id: number, type: number) => boolean, depth: number): void {
    let id = 0;
    for (;;) {
      const head = this.#byte();
      if (head === 0) return;
      const type = head & 0x0f;
      id = head >> 4 === 0 ? this.integer() : id + (head >> 4);
      if (!onField(id, type)) this.#skip(type, depth, false);
    }
  }

  /** Skips a value. A boolean is in the head of its field, but takes a byte as an item of a list. */
  #skip(type: number, depth: number, isItem: boolean): void {
    if (depth > NESTING_LIMIT) throw new ThriftFault(`values nested more than ${NESTING_LIMIT} deep`);
    switch (type) {
      case 1:
      case 2:
        if (isItem) this.#pass(1);
        break;
      case 3:
        this.#pass(1);
        break;
      case 4:
      case 5:
      case 6:
        while (this.#byte() >= 0x80);
        break;
      case 7:
        this.#pass(8);
        break;
      case 8:
        this.#pass(this.#length());
        break;
      case 9:
      case 10:
        this.#skipList(depth);
        break;
      case 11:
        this.#skipMap(depth);
        break;
      case 12:
        this.#struct(skipAll, depth + 1);
        break;
      default:
        throw new ThriftFault(`a value of the unknown type ${type}`);
    }
  }

  #skipList(depth: number): void {
    const { type, items } = this.#listHead();
    for (let item = 0; item < items; item += 1) this.#skip(type, depth + 1, true);
  }

  #skipMap(depth: number): void {
    const entries = this.#items(this.#length());
    if (entries === 0) return;
    const types = this.#byte();
    for (let entry = 0; entry < entries; entry += 1) {
      this.#skip(types >> 4, depth + 1, true);
      this.#skip(types & 0x0f, depth + 1, true);
    }
  }

  #listHead(): { readonly type: number; readonly items: number } {
    const head = this.#byte();
    const items = head >> 4 === 0x0f ? this.#length() : head >> 4;
    return { type: head & 0x0f, items: this.#items(items) };
  }

  /** Checks a count of items: each takes at least one byte. */
  #items(count: number): number {
    const left = this.#bytes.length - this.#at;
    if (count > left) throw new ThriftFault(`${count} items in ${left} bytes`);
    return count;
  }

  #length(): number {
    let length = 0;
    for (let place = 1, byte = 0x80; byte >= 0x80; place *= 0x80) {
      byte = this.#byte();
      length += (byte & 0x7f) * place;
      if (!(length <= this.#bytes.length))
        throw new ThriftFault(`a length beyond its ${this.#bytes.length} bytes`);
    }
    return length;
  }

  #pass(count: number): void {
    this.#at += count;
    if (this.#at > this.#bytes.length) throw new ThriftFault("bytes that end in the middle of a value");
  }

  #byte(): number {
    const byte = this.#bytes[this.#at];
    if (byte === undefined) throw new ThriftFault("bytes that end in the middle of a value");
    this.#at += 1;
    return byte;
  }
}

function skipAll(): boolean {
  return false;
}
