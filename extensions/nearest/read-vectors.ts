import { type Data, DataType } from "apache-arrow";
import { present } from "../../shared/core/assert.ts";
import { halfTable } from "../../shared/core/float16.ts";
import { gather } from "../../shared/dataset/gather.ts";
import { offsetsOf } from "../../shared/dataset/offsets.ts";
import type { FieldType } from "../../shared/domain/dataset.ts";
import type { Metric } from "./op.ts";

/** Vectors of a column, as float32. */
interface Vectors {
  /** Numbers of each vector. Null: no row has a vector. */
  readonly dims: number | null;
  /** Numbers of all rows. Those of a row without a valid vector are undefined. */
  readonly values: Float32Array<ArrayBuffer>;
  /** Reason for each row why it has no valid vector, as a predicate: `is null`. Null: it has one. */
  readonly faults: readonly (string | null)[];
}

export const NULL_VECTOR = "is null";

const FLOATS = new Set(["float16", "float32", "float64"]);

/** Checks whether a column holds vectors. */
export function isVectorType(type: FieldType): type is FieldType & { readonly kind: "list" | "fixedList" } {
  if (type.kind !== "list" && type.kind !== "fixedList") return false;
  return type.item.kind === "numeric" && FLOATS.has(type.item.type);
}

/**
 * Reads a column of vectors. Numbers of float64 are rounded to float32.
 *
 * @param expected numbers of each vector. Null: as many as the first one has
 */
export function readVectors(column: Data, expected: number | null, metric: Metric): Vectors {
  const { length } = column;
  // Without the rest of a sliced column, and without 64-bit offsets of another buffer.
  const lists = gather(column.type, [{ data: column, start: 0, end: length }]);
  const child = present(lists.children[0], "a list has a child");
  const startOf = startsOf(lists);
  const first = Array.from({ length }, (_, row) => row).find((row) => lists.getValid(row));
  const dims = expected ?? (first === undefined ? null : startOf(first + 1) - startOf(first));
  const values = new Float32Array(length * (dims ?? 0));
  const numbers = numbersOf(child);
  const faults = Array.from({ length }, (_, row): string | null => {
    if (!lists.getValid(row)) return NULL_VECTOR;
    const [start, end] = [startOf(row), startOf(row + 1)];
    if (end - start !== dims || dims === 0) return `has ${end - start} numbers, not ${dims || "any"}`;
    let isZero = true;
    for (let at = start; at < end; at += 1) {
      if (child.nullCount > 0 && !child.getValid(at)) return "has a null among its numbers";
      const value = Math.fround(numbers(at));
      if (!Number.isFinite(value)) return `has ${numbers(at)} among its numbers`;
      isZero &&= value === 0;
      values[row * dims + at - start] = value;
    }
    return isZero && metric === "cosine" ? "has only zeros, and so no cosine" : null;
  });
  return { dims, values, faults };
}

function startsOf(lists: Data): (row: number) => number {
  const { type } = lists;
  if (DataType.isFixedSizeList(type)) return (row) => row * type.listSize;
  const offsets = offsetsOf(lists);
  return (row) => offsets[row] ?? 0;
}

function numbersOf(child: Data): (at: number) => number {
  const values = child.values as Uint16Array | Float32Array | Float64Array;
  if (!(values instanceof Uint16Array)) return (at) => values[at] ?? 0;
  const halves = halfTable();
  return (at) => halves[values[at] ?? 0] ?? 0;
}
