import { present } from "../../shared/core/assert.ts";
import { encodeHalf } from "../../shared/core/float16.ts";
import { elementOf } from "../../shared/domain/element-of.ts";
import type { InputBinding } from "../../shared/domain/map-binding.ts";
import type { DtypeArray } from "../../shared/domain/tensor.ts";

/**
 * Writes `rows` rows that the job file gives the value of, from row `at` on: `rowValues` elements a row, the
 * value's over and over.
 */
export function fillSame(binding: InputBinding, rows: number, target: DtypeArray, at: number): void {
  const { source, rowValues } = binding;
  if (source.kind !== "value") throw new Error(`broken invariant: a ${source.kind} is no value`);
  const start = at * rowValues;
  const end = start + rows * rowValues;
  const own = Math.min(source.elements.length, end - start);
  for (let index = 0; index < own; index += 1) {
    const value = present(elementOf(source.elements[index] ?? 0, binding), "the plan checked the value");
    setElement(target, start + index, value, binding.dtype);
  }
  // Each copy doubles what is there.
  for (let done = own; done > 0 && done < end - start; done *= 2) {
    target.copyWithin(start + done, start, start + Math.min(done, end - start - done));
  }
}

function setElement(
  target: DtypeArray,
  at: number,
  value: number | bigint,
  dtype: InputBinding["dtype"],
): void {
  if (target instanceof BigInt64Array || target instanceof BigUint64Array) target[at] = BigInt(value);
  else if (dtype === "float16") target[at] = encodeHalf(Number(value));
  else if (dtype === "bool") target[at] = Number(value) === 0 ? 0 : 1;
  else target[at] = Number(value);
}
