import type { NumberBinding } from "../../shared/domain/map-binding.ts";
import type { DtypeArray } from "../../shared/domain/tensor.ts";
import { fillValue } from "./cast.ts";
import { fillLeaf, type InputColumns } from "./tensorize.ts";

/** Where uneven rows go: row `at` and those after it, each `length` positions long. */
interface PositionsTarget {
  readonly array: DtypeArray;
  readonly at: number;
  readonly length: number;
}

/**
 * Writes rows `[from, to)` of an uneven input, none of them bad: each row's positions, and padding up to the
 * length. `counts` is the positions of each row. Every element of the rows is written, whatever the memory
 * held.
 */
export function fillPositions(
  { binding, source, columns }: InputColumns<NumberBinding>,
  counts: Uint32Array,
  from: number,
  to: number,
  { array, at, length }: PositionsTarget,
): void {
  const { rowValues, dtype, rowShape } = binding;
  // What is not padded has batches of one length: there is nothing to fill.
  const pad = rowShape.kind === "padded" ? rowShape.pad : 0;
  const value = source.rows === "value" ? source.value(binding.source) : null;
  const width = length * rowValues;
  const plain = { dtype, scale: 1, offset: 0 };
  const cells = columns[0]?.cells;
  for (let row = from; row < to; row += 1) {
    const start = (at + row - from) * width;
    const values = (counts[row] ?? 0) * rowValues;
    const place = { array, at: start, stride: 1 };
    if (value !== null) fillValue(value, binding, values, place);
    else if (cells !== undefined) fillLeaf(cells, row, row + 1, binding, place);
    const padding = { array, at: start + values, stride: 1 };
    fillValue(pad, plain, width - values, padding);
  }
}
