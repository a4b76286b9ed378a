import { isUneven, rowShapeOf } from "../../shared/domain/row-shape.ts";
import type { RowProblem } from "./bad-rows.ts";
import { cellStart } from "./cells.ts";
import type { InputColumns } from "./tensorize.ts";

/** How long each row of a record batch is, where rows are uneven. */
export class RowPositions {
  /** By row; 0 for rows that cannot be fed. */
  readonly counts: Uint32Array;
  readonly #isPadded: boolean;

  constructor(counts: Uint32Array, isPadded: boolean) {
    this.counts = counts;
    this.#isPadded = isPadded;
  }

  /** The length of a batch whose longest row is this one. */
  lengthOf(row: number): number {
    const positions = this.counts[row] ?? 0;
    return this.#isPadded ? paddedLength(positions) : positions;
  }

  /**
   * Whether a row of `positions` positions may join a batch whose longest row has `longest`. Where nothing is
   * padded, only one of the same length. Else one that would not be more than half padding; and rows of no
   * positions keep to themselves: what a model makes of nothing but padding may depend on how much of it
   * there is.
   */
  mayJoin(positions: number, longest: number): boolean {
    if (!this.#isPadded || positions === 0 || longest === 0) return positions === longest;
    return longest <= SHORT_POSITIONS || positions * 2 >= longest;
  }
}

/** Up to this length a run costs more than its padding. */
const SHORT_POSITIONS = 16;

/**
 * The positions of each row, or null where the model has no uneven inputs. Adds to `bad` the rows whose
 * inputs are not of one length, and the empty ones where there is no padding to stand in for them.
 */
export function findPositions(
  inputs: readonly InputColumns[],
  rows: number,
  bad: Map<number, RowProblem>,
): RowPositions | null {
  const shape = rowShapeOf({ inputs: inputs.map(({ binding }) => binding) });
  if (shape === "even") return null;
  const isPadded = shape === "padded";
  const uneven = inputs.filter(({ binding }) => isUneven(binding.rowShape));
  const lists = uneven.flatMap(listOf);
  const counts = new Uint32Array(rows);
  for (let row = 0; row < rows; row += 1) {
    if (bad.has(row)) continue;
    const problem = problemOf(lists, row, isPadded);
    if (problem === null) counts[row] = lists[0]?.positionsAt(row) ?? 0;
    else bad.set(row, { code: "ROW_LENGTH", message: problem });
  }
  return new RowPositions(counts, isPadded);
}

interface PositionList {
  readonly name: string;
  readonly positionsAt: (row: number) => number;
}

function listOf({ binding, columns }: InputColumns): readonly PositionList[] {
  return columns.map(({ name, cells }) => ({
    name,
    positionsAt: (row) => (cellStart(cells, row + 1) - cellStart(cells, row)) / binding.rowValues,
  }));
}

function problemOf(lists: readonly PositionList[], row: number, isPadded: boolean): string | null {
  const [first, ...others] = lists;
  if (first === undefined) return null;
  const positions = first.positionsAt(row);
  if (positions === 0 && !isPadded) return `column \`${first.name}\` is empty, and there is no padding`;
  for (const { name, positionsAt } of others) {
    const found = positionsAt(row);
    if (found === positions) continue;
    return `column \`${name}\` has the wrong length: expected ${positions} positions as in \`${first.name}\`, found ${found}`;
  }
  return null;
}

/**
 * Edges in each doubling of the length: padding up to the next one adds less than 1/32, and 1/64 at the mean.
 */
const EDGES_PER_OCTAVE = 32;

/**
 * The length that rows of so many positions are padded to: the next of 1, 2, ..., 64, 66, ..., 128, 132, ...,
 * 256, 264, ... A row of no positions is one position of padding: no model takes less.
 *
 * Few lengths rather than the exact ones, on every device: GPU runtimes pick algorithms or compile anew for
 * each shape (160 shapes up to 512 positions), the CPU one plans its memory for each, and what a batch size
 * was learned for must come again. Rows are sorted before they are cut, so this rounding is most of what
 * padding costs: with 8 edges a doubling it was 3.7 % of an encoder's positions, with 32 it is 1.0 %, and the
 * encoder is
 * 2.8 % faster.
 */
function paddedLength(positions: number): number {
  if (positions <= EDGES_PER_OCTAVE) return Math.max(1, positions);
  const octave = 2 ** (32 - Math.clz32(positions - 1));
  const grain = octave / (2 * EDGES_PER_OCTAVE);
  return Math.ceil(positions / grain) * grain;
}
