import { rowShapeOf } from "../../shared/domain/row-shape.ts";
import type { RowProblem } from "./bad-rows.ts";
import { cellStart } from "./cells.ts";
import { paddedLength } from "./padded-length.ts";
import type { InputColumns } from "./tensorize.ts";

/** How long each row of a record batch is, where rows are uneven. */
export class RowSteps {
  /** By row; 0 for rows that cannot be fed. */
  readonly counts: Uint32Array;
  readonly #isPadded: boolean;

  constructor(counts: Uint32Array, isPadded: boolean) {
    this.counts = counts;
    this.#isPadded = isPadded;
  }

  /** The length of a batch whose longest row is this one. */
  lengthOf(row: number): number {
    const steps = this.counts[row] ?? 0;
    return this.#isPadded ? paddedLength(steps) : steps;
  }

  /**
   * Whether a row of `steps` steps may join a batch whose longest row has `longest`. Where nothing is padded,
   * only one of the same length. Else one that would not be more than half padding; and rows of no steps keep
   * to themselves: what a model makes of nothing but padding may depend on how much of it there is.
   */
  mayJoin(steps: number, longest: number): boolean {
    if (!this.#isPadded || steps === 0 || longest === 0) return steps === longest;
    return longest <= SHORT_STEPS || steps * 2 >= longest;
  }
}

/** Up to this length a run costs more than its padding. */
const SHORT_STEPS = 16;

/**
 * The steps of each row, or null where the model has no uneven inputs. Adds to `bad` the rows whose inputs
 * are not of one length, and the empty ones where there is no padding to stand in for them.
 */
export function findSteps(
  inputs: readonly InputColumns[],
  rows: number,
  bad: Map<number, RowProblem>,
): RowSteps | null {
  const shape = rowShapeOf({ inputs: inputs.map(({ binding }) => binding) });
  if (shape === "even") return null;
  const isPadded = shape === "padded";
  const uneven = inputs.filter(({ binding }) => binding.uneven !== null);
  const lists = uneven.flatMap(listOf);
  const counts = new Uint32Array(rows);
  for (let row = 0; row < rows; row += 1) {
    if (bad.has(row)) continue;
    const problem = problemOf(lists, row, isPadded);
    if (problem === null) counts[row] = lists[0]?.stepsAt(row) ?? 0;
    else bad.set(row, { code: "ROW_LENGTH", message: problem });
  }
  return new RowSteps(counts, isPadded);
}

interface StepList {
  readonly name: string;
  readonly stepsAt: (row: number) => number;
}

function listOf({ binding, columns }: InputColumns): readonly StepList[] {
  return columns.map(({ name, cells }) => ({
    name,
    stepsAt: (row) => (cellStart(cells, row + 1) - cellStart(cells, row)) / binding.rowValues,
  }));
}

function problemOf(lists: readonly StepList[], row: number, isPadded: boolean): string | null {
  const [first, ...others] = lists;
  if (first === undefined) return null;
  const steps = first.stepsAt(row);
  if (steps === 0 && !isPadded) return `column \`${first.name}\` is empty, and there is no padding`;
  for (const { name, stepsAt } of others) {
    const found = stepsAt(row);
    if (found === steps) continue;
    return `column \`${name}\` has the wrong length: expected ${steps} steps as in \`${first.name}\`, found ${found}`;
  }
  return null;
}
