import { present } from "../../shared/core/assert.ts";
import { isUneven, padOf } from "../../shared/domain/row-shape.ts";
import type { RowProblem } from "./bad-rows.ts";
import { cellStart } from "./cells.ts";
import type { InputColumns } from "./tensorize.ts";

/** Positions of the shortest and of the longest of some rows, by sequence. */
export interface PositionsExtent {
  readonly shortest: readonly number[];
  readonly longest: readonly number[];
}

/** Positions of the uneven rows of a record batch, by sequence. */
export class RowPositions {
  /** Positions by sequence and row. 0 for rows that cannot be fed. */
  readonly counts: readonly Uint32Array[];
  readonly #isPadded: readonly boolean[];

  constructor(counts: readonly Uint32Array[], isPadded: readonly boolean[]) {
    this.counts = counts;
    this.#isPadded = isPadded;
  }

  /** Returns the positions of a row, by sequence. */
  of(row: number): readonly number[] {
    return this.counts.map((counts) => counts[row] ?? 0);
  }

  /** Returns the padded lengths of a batch by sequence, from the positions of its longest rows. */
  lengthsOf(longest: readonly number[]): readonly number[] {
    return longest.map((positions, sequence) => this.#lengthOf(positions, sequence));
  }

  /**
   * Orders rows for cutting, longest first: by each sequence's padded length, then by the last sequence's
   * positions. Rows that may share a batch are then adjacent.
   */
  compare(a: readonly number[], b: readonly number[]): number {
    const last = a.length - 1;
    for (let sequence = 0; sequence < last; sequence += 1) {
      const [own, other] = [a, b].map((row) => this.#lengthOf(row[sequence] ?? 0, sequence));
      if (own !== other) return (other ?? 0) - (own ?? 0);
    }
    return (b[last] ?? 0) - (a[last] ?? 0);
  }

  /**
   * Checks whether rows may share a batch. Rows of a sequence without padding need equal lengths. Other rows
   * may be at most half padding. Rows without positions are not mixed with others, because a model's result
   * for padding alone may depend on its length.
   */
  mayShare({ shortest, longest }: PositionsExtent): boolean {
    return longest.every((most, sequence) => {
      const least = shortest[sequence] ?? 0;
      if (this.#isPadded[sequence] !== true || least === 0) return least === most;
      return most <= SHORT_POSITIONS || least * 2 >= most;
    });
  }

  #lengthOf(positions: number, sequence: number): number {
    return this.#isPadded[sequence] === true ? paddedLength(positions) : positions;
  }
}

/** Returns the positions of rows in a sequence, by row. */
export function countsOf(positions: RowPositions | null, sequence: number): Uint32Array {
  return present(positions?.counts[sequence], "a chunk of uneven rows knows their positions");
}

/** Extends an extent to include a row. Returns the same object if the row already lies within. */
export function widened(extent: PositionsExtent, row: readonly number[]): PositionsExtent {
  const { shortest, longest } = extent;
  const isWithin = row.every((own, at) => own >= (shortest[at] ?? 0) && own <= (longest[at] ?? 0));
  if (isWithin) return extent;
  return {
    shortest: shortest.map((least, at) => Math.min(least, row[at] ?? 0)),
    longest: longest.map((most, at) => Math.max(most, row[at] ?? 0)),
  };
}

/** Length up to which a run costs more than its padding. */
const SHORT_POSITIONS = 16;

/**
 * Counts the positions of each row. Null: the model has no uneven inputs. Adds rows with different lengths in
 * one sequence to `bad`, and empty rows of a sequence without padding.
 */
export function findPositions(
  inputs: readonly InputColumns[],
  rows: number,
  bad: Map<number, RowProblem>,
): RowPositions | null {
  const sequences = sequencesOf(inputs);
  if (sequences.length === 0) return null;
  const counts = sequences.map(() => new Uint32Array(rows));
  for (let row = 0; row < rows; row += 1) {
    if (bad.has(row)) continue;
    const problem = sequences.map((sequence) => problemOf(sequence, row)).find((found) => found !== null);
    if (problem !== undefined) bad.set(row, { code: "ROW_LENGTH", message: problem });
    else
      for (const [at, { lists }] of sequences.entries()) {
        const own = counts[at];
        if (own !== undefined) own[row] = lists[0]?.positionsAt(row) ?? 0;
      }
  }
  return new RowPositions(
    counts,
    sequences.map(({ isPadded }) => isPadded),
  );
}

interface PositionList {
  readonly name: string;
  /** True when a list has a value for each pair of positions. */
  readonly isPairs: boolean;
  /** Returns the positions of a row. A fraction: its values are no pairs of positions. */
  readonly positionsAt: (row: number) => number;
}

/** Lists with equal numbers of positions in each row. */
interface Sequence {
  readonly lists: readonly PositionList[];
  readonly isPadded: boolean;
}

function sequencesOf(inputs: readonly InputColumns[]): readonly Sequence[] {
  const uneven = inputs.flatMap((input) => {
    const { rowShape } = input.binding;
    return isUneven(rowShape) ? [{ input, rowShape }] : [];
  });
  const count = Math.max(0, ...uneven.map(({ rowShape }) => rowShape.sequence + 1));
  return Array.from({ length: count }, (_, sequence) => {
    const own = uneven.filter(({ rowShape }) => rowShape.sequence === sequence);
    const lists = own.flatMap(({ input }) => listOf(input));
    return {
      lists: [...lists.filter(({ isPairs }) => !isPairs), ...lists.filter(({ isPairs }) => isPairs)],
      isPadded: own.every(({ rowShape }) => padOf(rowShape) !== null),
    };
  });
}

function listOf({ binding, columns }: InputColumns): readonly PositionList[] {
  const isPairs = binding.rowShape.kind === "pairs";
  return columns.map(({ name, cells }) => ({
    name,
    isPairs,
    positionsAt: (row) => {
      const values = (cellStart(cells, row + 1) - cellStart(cells, row)) / binding.rowValues;
      return isPairs ? Math.sqrt(values) : values;
    },
  }));
}

function problemOf({ lists, isPadded }: Sequence, row: number): string | null {
  const [first, ...others] = lists;
  if (first === undefined) return null;
  const positions = first.positionsAt(row);
  if (!Number.isInteger(positions))
    return `column \`${first.name}\` has the wrong length: expected a value for each pair of positions, found ${Math.round(positions ** 2)}`;
  if (positions === 0 && !isPadded) return `column \`${first.name}\` is empty, and there is no padding`;
  for (const { name, isPairs, positionsAt } of others) {
    const found = positionsAt(row);
    if (found === positions) continue;
    const as = `as in \`${first.name}\``;
    return isPairs
      ? `column \`${name}\` has the wrong length: expected ${positions} x ${positions} positions ${as}, found ${Math.round(found ** 2)} values`
      : `column \`${name}\` has the wrong length: expected ${positions} positions ${as}, found ${found}`;
  }
  return null;
}

/**
 * Edges in each doubling of the length. Padding to the next edge adds less than 1/32, and 1/64 on average.
 */
const EDGES_PER_OCTAVE = 32;

/**
 * Returns the length that rows are padded to: the next of 1, 2, ..., 64, 66, ..., 128, 132, ..., 256, 264,
 * ... A row without positions gets one position of padding, which is the least that models take.
 *
 * Few lengths are used on every device. GPU runtimes choose algorithms or compile for each shape (160 shapes
 * up to 512 positions). The CPU runtime plans memory for each. Learned batch sizes also need recurring
 * lengths. Rows are sorted before they are cut, so this rounding is most of the padding. With 8 edges in a
 * doubling, padding was 3.7 % of an encoder's positions. With 32 it is 1.0 %, and the encoder is 2.8 %
 * faster.
 */
function paddedLength(positions: number): number {
  if (positions <= EDGES_PER_OCTAVE) return Math.max(1, positions);
  const octave = 2 ** (32 - Math.clz32(positions - 1));
  const grain = octave / (2 * EDGES_PER_OCTAVE);
  return Math.ceil(positions / grain) * grain;
}
