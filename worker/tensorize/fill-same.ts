import { present } from "../../shared/core/assert.ts";
import { elementOf, setElement } from "../../shared/domain/element-of.ts";
import type { NumberBinding, TextBinding } from "../../shared/domain/map-binding.ts";
import type { DtypeArray } from "../../shared/domain/tensor.ts";
import type { TextsWriter } from "../../shared/domain/texts.ts";

/**
 * Writes `rows` rows with the job file's value, from row `at` on. The value's elements repeat to fill
 * `rowValues` elements a row.
 */
export function fillSame(binding: NumberBinding, rows: number, target: DtypeArray, at: number): void {
  const { source, rowValues } = binding;
  if (source.kind !== "value") throw new Error(`broken invariant: a ${source.kind} is no value`);
  const start = at * rowValues;
  const end = start + rows * rowValues;
  const own = Math.min(source.elements.length, end - start);
  for (let index = 0; index < own; index += 1) {
    const value = present(elementOf(source.elements[index] ?? 0, binding), "the plan checked the value");
    setElement(target, start + index, value, binding.dtype);
  }
  // Each copy doubles the written part.
  for (let done = own; done > 0 && done < end - start; done *= 2) {
    target.copyWithin(start + done, start, start + Math.min(done, end - start - done));
  }
}

/** Writes rows of texts with the job file's value. */
export function writeSame({ source, rowValues }: TextBinding, rows: number, texts: TextsWriter): void {
  if (source.kind !== "value") throw new Error(`broken invariant: a ${source.kind} is no value`);
  const encoder = new TextEncoder();
  const own = source.elements.map((element) => encoder.encode(String(element)));
  for (let index = 0; index < rows * rowValues; index += 1)
    texts.append(present(own[index % own.length], "a value has elements"));
}
