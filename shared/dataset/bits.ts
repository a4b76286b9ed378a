/** Bits of an Arrow bitmap, least significant first, counted from `offset`. 1 in a validity bitmap: valid. */
export interface Bits {
  readonly bytes: Uint8Array;
  readonly offset: number;
}

export function bitAt({ bytes, offset }: Bits, index: number): boolean {
  const at = offset + index;
  return ((bytes[at >> 3] ?? 0) & (1 << (at & 7))) !== 0;
}

/** Checks whether any bit of `[from, to)` is 0. */
export function anyZero(bits: Bits, from: number, to: number): boolean {
  for (let index = from; index < to; index += 1) if (!bitAt(bits, index)) return true;
  return false;
}

/** Packs bytes, zero or not, into a bitmap. Pads it to 8 bytes, as Arrow requires. */
export function packBits(values: Uint8Array): Uint8Array {
  const bytes = new Uint8Array(bitmapBytes(values.length));
  for (let index = 0; index < values.length; index += 1) {
    if (values[index] !== 0) bytes[index >> 3] = (bytes[index >> 3] ?? 0) | (1 << (index & 7));
  }
  return bytes;
}

/** Copies bits `[from, to)` to `target` from bit `at` on. All these bits of `target` must be 0. */
export function copyBits(source: Bits, from: number, to: number, target: Uint8Array, at: number): void {
  for (let index = from; index < to; index += 1) {
    if (!bitAt(source, index)) continue;
    const bit = at + index - from;
    target[bit >> 3] = (target[bit >> 3] ?? 0) | (1 << (bit & 7));
  }
}

export function bitmapBytes(bits: number): number {
  return ((bits + 63) & ~63) >> 3;
}
