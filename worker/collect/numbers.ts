import { sha256 } from "../../shared/core/digest.ts";
import { halfTable } from "../../shared/core/float16.ts";
import type { TensorData } from "../../shared/domain/tensor.ts";
import { DTYPE_ARRAYS, type DtypeArray, product } from "../../shared/domain/tensor.ts";
import { openTexts } from "../../shared/domain/texts.ts";
import { TWO_32 } from "../tensorize/cast.ts";
import { type NumberArray, wordsOf } from "../tensorize/leaf.ts";

/** Hexadecimal digits of an integer that float64 holds exactly. */
const NUMBER_DIGITS = 12;

/** Returns a tensor's elements as stored in memory. */
function elementsOf({ dtype, dims, data }: TensorData): DtypeArray {
  if (dtype === "string") return textNumbers(data, product(dims));
  return new DTYPE_ARRAYS[dtype](data);
}

/** Returns a tensor's elements as numbers. Integers of 64 bits are rounded to float64. */
export function numbersOf(tensor: TensorData): NumberArray {
  const elements = elementsOf(tensor);
  if (tensor.dtype === "float16" && elements instanceof Uint16Array) {
    const table = halfTable();
    return Float32Array.from(elements, (bits) => table[bits] ?? 0);
  }
  if (!(elements instanceof BigInt64Array || elements instanceof BigUint64Array)) return elements;
  const words = wordsOf(elements);
  const signed = elements instanceof BigInt64Array;
  const numbers = new Float64Array(elements.length);
  for (let index = 0; index < numbers.length; index += 1) {
    const high = words[index * 2 + 1] ?? 0;
    numbers[index] = (signed ? high : high >>> 0) * TWO_32 + ((words[index * 2] ?? 0) >>> 0);
  }
  return numbers;
}

/**
 * Hashes each text to a number, for equality checks only. Different texts have different numbers, except by
 * rare collisions.
 */
function textNumbers(data: ArrayBuffer, count: number): Float64Array {
  const { offsets, bytes } = openTexts(data, count);
  return Float64Array.from({ length: count }, (_, index) => {
    const text = bytes.subarray(offsets[index], offsets[index + 1]);
    return Number.parseInt(sha256(text).slice(0, NUMBER_DIGITS), 16);
  });
}
