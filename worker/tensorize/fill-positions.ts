import type { NumberBinding } from "../../shared/domain/map-binding.ts";
import { isUneven, padOf } from "../../shared/domain/row-shape.ts";
import type { DtypeArray } from "../../shared/domain/tensor.ts";
import { castValues, fillValue, type Target } from "./cast.ts";
import { cellStart } from "./cells.ts";
import type { Leaf } from "./leaf.ts";
import { fillLeaf, type InputColumns } from "./tensorize.ts";

/** Destination of uneven rows: row `at` and following, each `length` positions long. */
interface PositionsTarget {
  readonly array: DtypeArray;
  readonly at: number;
  readonly length: number;
}

/**
 * Writes valid rows `[from, to)` of an input that depends on their positions. `counts` has the positions of
 * each row. Every element of the rows is written, so the memory may hold anything before.
 *
 * - Uneven rows: each row's positions, then padding up to `length`.
 * - Pairs: `length` lines of them.
 * - Counted rows: the number of positions.
 */
export function fillPositions(
  input: InputColumns<NumberBinding>,
  counts: Uint32Array,
  from: number,
  to: number,
  { array, at, length }: PositionsTarget,
): void {
  const { binding } = input;
  const { rowShape, rowValues } = binding;
  if (!isUneven(rowShape)) {
    castValues(numbersLeaf(counts), from, to, binding, { array, at: at * rowValues, stride: rowValues });
    return;
  }
  const lines = rowShape.kind === "pairs" ? length : 1;
  const width = length * rowValues;
  const fillLine = lineFiller(input, length);
  // Unpadded rows have batches of one length, so there is nothing to fill.
  const pad = padOf(rowShape) ?? 0;
  const plain = { dtype: binding.dtype, scale: 1, offset: 0 };
  for (let row = from; row < to; row += 1) {
    const count = counts[row] ?? 0;
    for (let line = 0; line < lines; line += 1) {
      const start = ((at + row - from) * lines + line) * width;
      const written = fillLine({ row, line, count }, { array, at: start, stride: 1 });
      fillValue(pad, plain, width - written, { array, at: start + written, stride: 1 });
    }
  }
}

/** Place of a line in the rows of a record batch. Rows that are no pairs have line 0 only. */
interface Line {
  readonly row: number;
  readonly line: number;
  /** Positions of the row. */
  readonly count: number;
}

/** Returns a function that writes the values of a line, without padding, and returns their number. */
function lineFiller(
  { binding, source, columns }: InputColumns<NumberBinding>,
  length: number,
): (line: Line, target: Target) => number {
  const { rowValues, rowShape } = binding;
  const isPairs = rowShape.kind === "pairs";
  if (source.rows !== "value") {
    const cells = columns[0]?.cells;
    return ({ row, line, count }, target) => {
      if (cells === undefined || line >= count) return 0;
      const values = count * rowValues;
      const first = cellStart(cells, row) + line * values;
      fillLeaf(cells, { first, last: first + values }, binding, target);
      return values;
    };
  }
  const value = source.value(binding.source);
  if (typeof value === "string") {
    const indices = numbersLeaf(Uint32Array.from({ length }, (_, index) => index));
    return ({ count }, target) => {
      castValues(indices, 0, count, binding, target);
      return count;
    };
  }
  // A line of padding marks the row's positions, too: without any, a softmax over it would give NaN.
  const isCausal = isPairs && binding.source.kind === "mask" && binding.source.causal === true;
  return ({ line, count }, target) => {
    const values = (isCausal ? Math.min(line + 1, count) : count) * rowValues;
    fillValue(value, binding, values, target);
    return values;
  };
}

function numbersLeaf(values: Uint32Array): Leaf {
  return { kind: "numbers", type: "uint32", values };
}
