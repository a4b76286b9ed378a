import { present } from "../../shared/core/assert.ts";
import { isUneven, type UnevenShape } from "../../shared/domain/row-shape.ts";
import type { RowProblem } from "./bad-rows.ts";
import { cellStart } from "./cells.ts";
import type { InputColumns } from "./tensorize.ts";

/** Positions of the shortest and of the longest of some rows, by sequence. */
export interface PositionsExtent {
  readonly shortest: readonly number[];
  readonly longest: readonly number[];
}

/** How long each row of a record batch is, by sequence, where rows are uneven. */
export class RowPositions {
  /** By sequence and row. 0 for rows that cannot be fed. */
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

  /** Returns what a batch is padded to whose longest rows have so many positions, by sequence. */
  lengthsOf(longest: readonly number[]): readonly number[] {
    return longest.map((positions, sequence) => this.#lengthOf(positions, sequence));
  }

  /**
   * Orders rows for cutting, the longest first: by the padded length of each sequence, and within one length
   * by the positions of the last sequence. Rows that may share a batch then lie side by side.
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
   * Decides whether rows may share a batch. Rows of a sequence that is never padded have one length. Others
   * are at most half padding, and rows of no positions keep to themselves: what a model makes of nothing but
   * padding may depend on how much of it there is.
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

/** Returns the positions that rows have in a sequence, by row. */
export function countsOf(positions: RowPositions | null, sequence: number): Uint32Array {
  return present(positions?.counts[sequence], "a chunk of uneven rows knows their positions");
}

/** Returns an extent that holds another row, too: the same object where the row lies within. */
export function widened(extent: PositionsExtent, row: readonly number[]): PositionsExtent {
  const { shortest, longest } = extent;
  const isWithin = row.every((own, at) => own >= (shortest[at] ?? 0) && own <= (longest[at] ?? 0));
  if (isWithin) return extent;
  return {
    shortest: shortest.map((least, at) => Math.min(least, row[at] ?? 0)),
    longest: longest.map((most, at) => Math.max(most, row[at] ?? 0)),
  };
}

/** Up to this length a run costs more than its padding. */
const SHORT_POSITIONS = 16;

/**
 * Counts the positions of each row; null where the model has no uneven inputs. Adds to `bad` the rows whose
 * inputs of one sequence are not of one length, and the empty ones of a sequence that is never padded.
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
  readonly positionsAt: (row: number) => number;
}

/** Lists that have equally many positions in each row. */
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
    return {
      lists: own.flatMap(({ input }) => listOf(input)),
      isPadded: own.every(({ rowShape }: { readonly rowShape: UnevenShape }) => rowShape.kind === "padded"),
    };
  });
}

function listOf({ binding, columns }: InputColumns): readonly PositionList[] {
  return columns.map(({ name, cells }) => ({
    name,
    positionsAt: (row) => (cellStart(cells, row + 1) - cellStart(cells, row)) / binding.rowValues,
  }));
}

function problemOf({ lists, isPadded }: Sequence, row: number): string | null {
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
