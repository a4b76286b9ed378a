import { halfTable } from "../../shared/core/float16.ts";
import type { TensorData } from "../../shared/domain/tensor.ts";
import { DTYPE_ARRAYS, type DtypeArray } from "../../shared/domain/tensor.ts";
import { TWO_32 } from "../tensorize/cast.ts";
import { type NumberArray, wordsOf } from "../tensorize/leaf.ts";

/** Scores of rows, row after row, `width` of them each: class logits, say. */
export interface Scores {
  readonly values: NumberArray;
  readonly width: number;
}

/** A tensor's elements as they lie in memory. */
export function elementsOf({ dtype, data }: TensorData): DtypeArray {
  return new DTYPE_ARRAYS[dtype](data);
}

/** A tensor's elements as numbers. 64-bit integers are rounded to float64. */
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

/** The index of a row's greatest score, the first of equals; NaN counts as greater than any number. */
export function argmaxOf({ values, width }: Scores, row: number): number {
  const first = row * width;
  let best = first;
  for (let index = first + 1; index < first + width; index += 1) {
    if (isGreater(values[index] ?? 0, values[best] ?? 0)) best = index;
  }
  return best - first;
}

/** The greatest probability of a row's softmax: 1 / sum(exp(score - greatest)). */
export function maxSoftmaxOf(scores: Scores, row: number): number {
  return 1 / expSum(scores, row, greatestOf(scores, row));
}

/** A row's softmax, less its greatest score first so that no exponent overflows. */
export function softmaxInto(scores: Scores, row: number, target: Float32Array, at: number): void {
  const { values, width } = scores;
  const greatest = greatestOf(scores, row);
  const sum = expSum(scores, row, greatest);
  for (let index = 0; index < width; index += 1) {
    target[at + index] = Math.exp((values[row * width + index] ?? 0) - greatest) / sum;
  }
}

/** 1 / (1 + exp(-score)), from the side on which the exponent cannot overflow. */
export function sigmoidOf(score: number): number {
  if (score >= 0) return 1 / (1 + Math.exp(-score));
  const exp = Math.exp(score);
  return exp / (1 + exp);
}

/**
 * The indices of a row's `target.length` greatest scores, greatest first, the lower index first among equals.
 * By insertion: k is small, and most scores are below the k-th.
 */
export function topKInto({ values, width }: Scores, row: number, target: Int32Array): void {
  const k = target.length;
  const first = row * width;
  let found = 0;
  for (let index = 0; index < width; index += 1) {
    const score = values[first + index] ?? 0;
    if (found === k && !isGreater(score, values[first + (target[k - 1] ?? 0)] ?? 0)) continue;
    let place = found < k ? found : k - 1;
    while (place > 0 && isGreater(score, values[first + (target[place - 1] ?? 0)] ?? 0)) {
      target[place] = target[place - 1] ?? 0;
      place -= 1;
    }
    target[place] = index;
    if (found < k) found += 1;
  }
}

function greatestOf(scores: Scores, row: number): number {
  return scores.values[row * scores.width + argmaxOf(scores, row)] ?? 0;
}

/** In the order of the scores, so that the sum is the same every time. */
function expSum({ values, width }: Scores, row: number, greatest: number): number {
  let sum = 0;
  for (let index = row * width; index < (row + 1) * width; index += 1) {
    sum += Math.exp((values[index] ?? 0) - greatest);
  }
  return sum;
}

function isGreater(a: number, b: number): boolean {
  return a > b || (Number.isNaN(a) && !Number.isNaN(b));
}
