import { type Data, type Float32, type Float64, type Int, Vector } from "apache-arrow";
import { cellReader } from "../dataset/cell-reader.ts";
import type { NamedType, ScalarName, ValueType } from "./value-type.ts";

/** Types whose Arrow arrays have the numbers that steps get. Halves have their raw bits. */
const PLAIN_NUMBERS = /^(u?int\d+|float32|float64)$/;

/** Error for a null where the type allows none. */
export class NullFault extends Error {
  override readonly name = "NullFault";
}

/**
 * Returns a reader of a column's values, in the form that steps get. The values share no memory with the
 * column. It throws {NullFault} for a null that the type does not allow.
 *
 * @param data plain: no dictionary, no view
 */
export function valueReader(data: Data, { name, type }: NamedType): (row: number) => unknown {
  const valueAt = cellReader(data);
  return (row) => fromArrow(valueAt(row), type, name);
}

function fromArrow(value: unknown, { shape, isNullable }: ValueType, path: string): unknown {
  if (value === null || value === undefined) {
    if (isNullable) return null;
    throw new NullFault(`\`${path}\` is null`);
  }
  switch (shape.kind) {
    case "scalar":
      return scalarFromArrow(value, shape.name);
    case "list":
      return listFromArrow(value as Iterable<unknown>, shape.item, path);
    case "vector":
      return vectorFromArrow(value as Vector, shape.item === "float16", path);
    case "struct":
      return Object.fromEntries(
        shape.fields.map(({ name, type }) => [
          name,
          fromArrow(Reflect.get(value, name), type, `${path}.${name}`),
        ]),
      );
  }
}

function listFromArrow(list: Iterable<unknown>, item: ValueType, path: string): readonly unknown[] {
  // Millions of pixels take a tenth of the time without a path for each.
  if (isPlainNumbers(list, item)) return Array.from<unknown>(list.toArray());
  return Array.from(list, (value, at) => fromArrow(value, item, `${path}[${at}]`));
}

/** Checks whether Arrow's own array of a list has its numbers. */
function isPlainNumbers(
  list: Iterable<unknown>,
  { shape }: ValueType,
): list is Vector<Int | Float32 | Float64> {
  return (
    shape.kind === "scalar" &&
    PLAIN_NUMBERS.test(shape.name) &&
    list instanceof Vector &&
    list.nullCount === 0
  );
}

function scalarFromArrow(value: unknown, name: ScalarName): unknown {
  if (name === "binary") return (value as Uint8Array).slice();
  // Parts of a millisecond come as a fraction.
  if (name === "date" || name === "timestamp") return new Date(Math.floor(Number(value)));
  return value;
}

function vectorFromArrow(vector: Vector, isHalf: boolean, path: string): unknown {
  if (vector.nullCount > 0) throw new NullFault(`\`${path}\` has a null among its numbers`);
  // Arrow's own array of halves has their raw bits.
  if (isHalf) return Float32Array.from(vector as Iterable<number>);
  return (vector.toArray() as Float32Array).slice();
}
