import type { NumberBinding } from "../../shared/domain/map-binding.ts";
import type { DtypeArray } from "../../shared/domain/tensor.ts";
import { fillValue } from "./cast.ts";
import { fillLeaf, type InputColumns } from "./tensorize.ts";

/** Destination of uneven rows: row `at` and following, each `length` positions long. */
interface PositionsTarget {
  readonly array: DtypeArray;
  readonly at: number;
  readonly length: number;
}

/**
 * Writes valid rows `[from, to)` of an uneven input: each row's positions, then padding up to `length`.
 * `counts` has the positions of each row. Every element of the rows is written, so the memory may hold
 * anything before.
 */
export function fillPositions(
  { binding, source, columns }: InputColumns<NumberBinding>,
  counts: Uint32Array,
  from: number,
  to: number,
  { array, at, length }: PositionsTarget,
): void {
  const { rowValues, dtype, rowShape } = binding;
  // Unpadded rows have batches of one length, so there is nothing to fill.
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
