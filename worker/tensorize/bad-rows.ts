import { anyZero, bitAt } from "../../shared/dataset/bits.ts";
import type { InputBinding, NumberBinding, TextBinding } from "../../shared/domain/map-binding.ts";
import type { DeadLetterCode } from "../../shared/domain/partial.ts";
import { isUneven } from "../../shared/domain/row-shape.ts";
import { dtypeBytes } from "../../shared/domain/tensor.ts";
import { sourceOf } from "../../shared/input-sources/input-sources.ts";
import { fillFits, findMisfit, needsCheck } from "./cast-range.ts";
import { type Cells, cellStart, RAGGED } from "./cells.ts";
import { leafOfBytes } from "./leaf.ts";

/** Reason why a row cannot become part of a tensor. */
export interface RowProblem {
  readonly code: DeadLetterCode;
  readonly message: string;
}

/** Adds the rows to `bad` whose cells `binding` cannot take. A row in `bad` keeps its first problem. */
export function findBadRows(
  cells: Cells,
  column: string,
  binding: NumberBinding | TextBinding,
  bad: Map<number, RowProblem>,
): void {
  const judge = new CellJudge(cells, column, binding);
  if (judge.takesAll()) return;
  for (let row = 0; row < cells.rows; row += 1) {
    const problem = judge.problemOf(row);
    if (problem !== null && !bad.has(row)) bad.set(row, problem);
  }
}

/** Returns the values that a cell must hold. For uneven rows: the values of each position. */
export function valuesPerCell(binding: InputBinding): number {
  return sourceOf(binding.source).rows === "cells" ? 1 : binding.rowValues;
}

/** Checks whether binary cells hold raw little-endian values, instead of one value per byte. */
export function readsRaw({ source }: Pick<InputBinding, "source">): boolean {
  return source.kind === "one" && source.bytes === "raw";
}

function isOfTexts(binding: NumberBinding | TextBinding): binding is TextBinding {
  return binding.dtype === "string";
}

/** Checks all values at once, so a valid column costs one pass. */
function holdsMisfit(cells: Cells, binding: NumberBinding): boolean {
  const { leaf, leafNulls, rows } = cells;
  if (!needsCheck(leaf, binding)) return false;
  return findMisfit(leaf, cellStart(cells, 0), cellStart(cells, rows), binding, leafNulls) !== null;
}

function holdsNul(cells: Cells): boolean {
  const { leaf, rows } = cells;
  if (leaf.kind !== "text") return false;
  const { offsets, bytes } = leaf;
  return bytes.subarray(offsets[cellStart(cells, 0)], offsets[cellStart(cells, rows)]).includes(0);
}

class CellJudge {
  readonly #cells: Cells;
  readonly #column: string;
  readonly #binding: NumberBinding | TextBinding;
  readonly #cellValues: number;
  readonly #checkValues: boolean;
  readonly #fillFits: boolean;

  constructor(cells: Cells, column: string, binding: NumberBinding | TextBinding) {
    this.#cells = cells;
    this.#column = column;
    this.#binding = binding;
    this.#cellValues = valuesPerCell(binding);
    if (isOfTexts(binding)) {
      this.#checkValues = holdsNul(cells);
      this.#fillFits = true;
    } else {
      this.#checkValues = cells.binary ? binding.dtype !== "uint8" : holdsMisfit(cells, binding);
      this.#fillFits = binding.fill !== null && fillFits(binding.fill, binding);
    }
  }

  /** Checks whether no row can have a problem, so that single rows need no check. */
  takesAll(): boolean {
    const { nulls, leafNulls, faults, layout, binary } = this.#cells;
    if (nulls !== null || leafNulls !== null || faults !== null || this.#checkValues) return false;
    return !binary && layout.kind === "fixed" && layout.values === this.#cellValues;
  }

  problemOf(row: number): RowProblem | null {
    const { nulls, leafNulls, faults } = this.#cells;
    if (nulls !== null && !bitAt(nulls, row)) return this.#ofNullCell();
    const fault = faults?.[row] ?? 0;
    if (fault === RAGGED) return this.#problem("ROW_LENGTH", "holds lists of different lengths");
    if (fault !== 0) return this.#problem("ROW_NULL", "holds a list that is null");
    const from = cellStart(this.#cells, row);
    const to = cellStart(this.#cells, row + 1);
    const misfit = this.#ofLength(to - from);
    if (misfit !== null) return misfit;
    if (leafNulls !== null && anyZero(leafNulls, from, to)) {
      const problem = this.#ofNull("holds a null");
      if (problem !== null) return problem;
    }
    return this.#checkValues ? this.#ofValues(from, to) : null;
  }

  /** A missing list has an unknown number of positions. */
  #ofNullCell(): RowProblem | null {
    const { rowShape, fill } = this.#binding;
    if (!isUneven(rowShape) || fill === null) return this.#ofNull("is null");
    return this.#problem("ROW_NULL", "is null, and a fill cannot replace a list of unknown length");
  }

  #ofNull(what: string): RowProblem | null {
    if (this.#binding.fill === null) return this.#problem("ROW_NULL", `${what}, and there is no fill for it`);
    if (this.#fillFits) return null;
    const { fill, dtype } = this.#binding;
    return this.#problem("ROW_VALUE", `${what}, and its fill ${fill} does not fit ${dtype}`);
  }

  #ofLength(found: number): RowProblem | null {
    const expected = this.#cellValues;
    if (isUneven(this.#binding.rowShape)) {
      if (found % expected === 0) return null;
      return this.#problem(
        "ROW_LENGTH",
        `has the wrong length: expected a multiple of ${expected}, found ${found}`,
      );
    }
    if (found === expected && !(this.#cells.binary && readsRaw(this.#binding))) return null;
    if (!this.#cells.binary)
      return this.#problem("ROW_LENGTH", `has the wrong length: expected ${expected}, found ${found}`);
    if (isOfTexts(this.#binding)) return null;
    const raw = expected * dtypeBytes(this.#binding.dtype);
    const isRaw = readsRaw(this.#binding);
    if (isRaw && found === raw) return null;
    const other = isRaw ? found === expected : found === raw;
    const hint = other ? `: it fits \`bytes: ${isRaw ? "uint8" : "raw"}\`` : "";
    const bytes = isRaw ? raw : expected;
    return this.#problem(
      "ROW_LENGTH",
      `has the wrong length: expected ${bytes} bytes, found ${found}${hint}`,
    );
  }

  #ofValues(from: number, to: number): RowProblem | null {
    const binding = this.#binding;
    if (isOfTexts(binding)) return this.#ofTexts(from, to);
    const { dtype } = binding;
    const { leaf, binary, leafNulls } = this.#cells;
    const raw = binary && readsRaw(binding) && leaf.kind === "numbers";
    const values =
      raw && leaf.values instanceof Uint8Array ? leafOfBytes(leaf.values.subarray(from, to), dtype) : leaf;
    if (!needsCheck(values, binding)) return null;
    const [start, end] = raw ? [0, this.#cellValues] : [from, to];
    const value = findMisfit(values, start, end, binding, leafNulls);
    return value === null ? null : this.#problem("ROW_VALUE", `holds ${value}, which does not fit ${dtype}`);
  }

  #ofTexts(from: number, to: number): RowProblem | null {
    const { leaf, leafNulls } = this.#cells;
    if (leaf.kind !== "text") return null;
    for (let index = from; index < to; index += 1) {
      if (leafNulls !== null && !bitAt(leafNulls, index)) continue;
      if (leaf.bytes.subarray(leaf.offsets[index], leaf.offsets[index + 1]).includes(0))
        return this.#problem("ROW_VALUE", "holds a NUL character, and ONNX Runtime cuts texts off there");
    }
    return null;
  }

  #problem(code: RowProblem["code"], what: string): RowProblem {
    // A column computed by a step has a generated name, unknown to the user.
    const isComputed = this.#column.startsWith("shardmill:");
    const subject = isComputed ? `input \`${this.#binding.tensor}\`` : `column \`${this.#column}\``;
    return { code, message: `${subject} ${what}` };
  }
}
