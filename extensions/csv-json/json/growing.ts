export type GrowingArray =
  | Int8Array
  | Int16Array
  | Int32Array
  | Uint8Array
  | Uint16Array
  | Uint32Array
  | Float32Array
  | Float64Array;

const FIRST_LENGTH = 1024;

/** Array of numbers that grows at its end. */
export class Growing<T extends GrowingArray> {
  /** Storage, longer than `length`. */
  array: T;
  length = 0;
  readonly #make: new (
    length: number,
  ) => T;

  constructor(make: new (length: number) => T) {
    this.#make = make;
    this.array = new make(FIRST_LENGTH);
  }

  push(value: number): void {
    this.reserve(1);
    this.array[this.length] = value;
    this.length += 1;
  }

  /** Makes room for `count` more values. */
  reserve(count: number): void {
    const needed = this.length + count;
    if (needed <= this.array.length) return;
    const larger = new this.#make(Math.max(needed, 2 * this.array.length));
    larger.set(this.array.subarray(0, this.length));
    this.array = larger;
  }

  truncate(length: number): void {
    this.length = length;
  }

  /** Returns a copy of the values. */
  values(): T {
    const values = new this.#make(this.length);
    values.set(this.array.subarray(0, this.length));
    return values;
  }
}

/** Returns Arrow offsets from the end of each value. */
export function offsetsBefore(ends: Growing<Int32Array>): Int32Array {
  const offsets = new Int32Array(ends.length + 1);
  offsets.set(ends.values(), 1);
  return offsets;
}
