import { encodeHalf, halfTable } from "../../shared/core/float16.ts";
import { bitAt } from "../../shared/dataset/bits.ts";
import type { Dtype, DtypeArray } from "../../shared/domain/tensor.ts";
import { castBytes, LEAST_BYTES } from "./cast-bytes.ts";
import { type Leaf, type NumberArray, wordsOf } from "./leaf.ts";

/** Conversion of values to elements of a tensor: value * scale + offset in float64, then a cast. */
export interface Cast {
  readonly dtype: Dtype;
  readonly scale: number;
  readonly offset: number;
}

export const TWO_32 = 4_294_967_296;

/** Values widened at a time: 32 KiB of float64, which fit the first-level cache. */
export const BLOCK_VALUES = 4096;
const block = new Float64Array(BLOCK_VALUES);

export function isPlain({ scale, offset }: Cast): boolean {
  return scale === 1 && offset === 0;
}

/** Destination of cast values: element `at`, then every `stride`-th. */
export interface Target {
  readonly array: DtypeArray;
  readonly at: number;
  readonly stride: number;
}

/**
 * Casts leaf values `[from, to)` into `target`. Integers are truncated towards zero, and must fit (see
 * `findMisfit`). float16 is rounded once, from float64.
 */
export function castValues(leaf: Leaf, from: number, to: number, cast: Cast, target: Target): void {
  if (isPlain(cast) && copyPlain(leaf, from, to, cast.dtype, target)) return;
  if (leaf.kind === "numbers" && isNumberDtype(cast.dtype)) {
    scaleNumbers(leaf.values, from, to, cast, target);
    return;
  }
  for (let start = from; start < to; start += BLOCK_VALUES) {
    const end = Math.min(start + BLOCK_VALUES, to);
    const values = widenBlock(leaf, start, end, cast);
    const { array, stride } = target;
    narrow(values, cast.dtype, { array, at: target.at + (start - from) * stride, stride });
  }
}

/** Writes `value`, as `cast` stores it, to `count` elements of `target`. */
export function fillValue(value: number, cast: Cast, count: number, target: Target): void {
  if (count === 0) return;
  const { array, at, stride } = target;
  block[0] = value * cast.scale + cast.offset;
  narrow(block.subarray(0, 1), cast.dtype, target);
  if (array instanceof BigInt64Array || array instanceof BigUint64Array) {
    const stored = array[at] ?? 0n;
    if (stride === 1) array.fill(stored, at, at + count);
    else for (let index = 1; index < count; index += 1) array[at + index * stride] = stored;
    return;
  }
  const stored = array[at] ?? 0;
  if (stride === 1) array.fill(stored, at, at + count);
  else for (let index = 1; index < count; index += 1) array[at + index * stride] = stored;
}

/** Copies equal bits, or uses a native conversion of the engine. False: neither is possible. */
function copyPlain(leaf: Leaf, from: number, to: number, dtype: Dtype, target: Target): boolean {
  const { array, at, stride } = target;
  if (array instanceof BigInt64Array || array instanceof BigUint64Array) {
    if (leaf.kind !== "wide") return false;
    copyWords(leaf.words, from, to, wordsOf(array), target);
    return true;
  }
  const same = leaf.kind === "half" && dtype === "float16";
  const converted = leaf.kind === "numbers" && isNumberDtype(dtype);
  if (stride !== 1 || !(same || converted)) return false;
  array.set(leaf.values.subarray(from, to), at);
  return true;
}

function copyWords(
  source: Int32Array,
  from: number,
  to: number,
  words: Int32Array,
  { at, stride }: Pick<Target, "at" | "stride">,
): void {
  if (stride === 1) {
    words.set(source.subarray(from * 2, to * 2), at * 2);
    return;
  }
  for (let index = from; index < to; index += 1) {
    const place = (at + (index - from) * stride) * 2;
    words[place] = source[index * 2] ?? 0;
    words[place + 1] = source[index * 2 + 1] ?? 0;
  }
}

/** Checks whether the typed array of a dtype converts numbers as a cast should. */
function isNumberDtype(dtype: Dtype): boolean {
  return dtype !== "float16" && dtype !== "int64" && dtype !== "uint64" && dtype !== "bool";
}

function scaleNumbers(source: NumberArray, from: number, to: number, cast: Cast, target: Target): void {
  const { array, stride } = target;
  if (array instanceof BigInt64Array || array instanceof BigUint64Array) return;
  const { scale, offset } = cast;
  const isBytes = source instanceof Uint8Array || source instanceof Int8Array;
  if (isBytes && array instanceof Float32Array && stride === 1 && to - from >= LEAST_BYTES) {
    const place = array.subarray(target.at, target.at + to - from);
    castBytes(source.subarray(from, to), place, (value) => value * scale + offset);
    return;
  }
  let at = target.at;
  for (let index = from; index < to; index += 1) {
    array[at] = (source[index] ?? 0) * scale + offset;
    at += stride;
  }
}

/** Returns leaf values `[from, to)` as scaled float64, at most BLOCK_VALUES. Valid until the next call. */
export function widenBlock(leaf: Leaf, from: number, to: number, { scale, offset }: Cast): Float64Array {
  const count = to - from;
  switch (leaf.kind) {
    case "numbers":
      block.set(leaf.values.subarray(from, to));
      break;
    case "half": {
      const table = halfTable();
      for (let index = 0; index < count; index += 1)
        block[index] = table[leaf.values[from + index] ?? 0] ?? 0;
      break;
    }
    case "wide": {
      // The high part is exact in float64, so the single addition rounds correctly.
      const { words } = leaf;
      const signed = leaf.type === "int64";
      for (let index = 0; index < count; index += 1) {
        const low = (words[(from + index) * 2] ?? 0) >>> 0;
        const high = words[(from + index) * 2 + 1] ?? 0;
        block[index] = (signed ? high : high >>> 0) * TWO_32 + low;
      }
      break;
    }
    case "bits":
      for (let index = 0; index < count; index += 1) block[index] = bitAt(leaf.bits, from + index) ? 1 : 0;
      break;
    case "text":
      throw new Error("broken invariant: texts are no numbers");
  }
  const values = block.subarray(0, count);
  if (scale !== 1 || offset !== 0) {
    for (let index = 0; index < count; index += 1) values[index] = (values[index] ?? 0) * scale + offset;
  }
  return values;
}

function narrow(values: Float64Array, dtype: Dtype, { array, at, stride }: Target): void {
  const count = values.length;
  if (array instanceof BigInt64Array || array instanceof BigUint64Array) {
    const words = wordsOf(array);
    for (let index = 0; index < count; index += 1) {
      const value = Math.trunc(values[index] ?? 0);
      const high = Math.floor(value / TWO_32);
      const place = (at + index * stride) * 2;
      words[place] = value - high * TWO_32;
      words[place + 1] = high;
    }
    return;
  }
  if (dtype === "float16") {
    for (let index = 0; index < count; index += 1)
      array[at + index * stride] = encodeHalf(values[index] ?? 0);
    return;
  }
  if (dtype === "bool") {
    for (let index = 0; index < count; index += 1) array[at + index * stride] = values[index] === 0 ? 0 : 1;
    return;
  }
  for (let index = 0; index < count; index += 1) array[at + index * stride] = values[index] ?? 0;
}
