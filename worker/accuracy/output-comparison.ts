import type { OutputAccuracy, WorstRow } from "../../shared/domain/accuracy.ts";
import { greatestPlace, keepsGreatest, type Numbers, Products, rootMeanSquare } from "./row-figures.ts";

interface ComparedOutput {
  readonly tensor: string;
  /** True when the job reads an order or a class from the output. */
  readonly ranked: boolean;
  /** True for integers and bools, which are compared exactly. */
  readonly whole: boolean;
}

/** Location of a row. */
type RowPlace = Pick<WorstRow, "file" | "row">;

interface ComparedRow {
  readonly place: RowPlace;
  readonly expected: Numbers;
  readonly found: Numbers;
}

/** Share of the tensor's size below which a row counts as zeros. */
const NOTHING_SHARE = 1e-6;

/** Number of the worst rows to report. */
const WORST_ROWS = 5;

/**
 * Upper limit of a tie: values that differ by at most this share of their size may swap places. Applies to
 * any error tolerance.
 */
const MOST_TIE = 0.01;

/** Scale for a tensor of zeros: the usual remainder of float32 sums that cancel out. */
const LEAST_SCALE = 1e-7;

/**
 * Compares one output of two models row by row: call `add` for each row, then `finish`. All values are held
 * until then, because errors are relative to the whole tensor's size.
 */
export class OutputComparison {
  readonly #output: ComparedOutput;
  readonly #rows: ComparedRow[] = [];
  #values = 0;

  constructor(output: ComparedOutput) {
    this.#output = output;
  }

  /** Number of held values. */
  get values(): number {
    return this.#values;
  }

  add(expected: Numbers, found: Numbers, place: RowPlace): void {
    this.#rows.push({ place, expected, found });
    this.#values += expected.length + found.length;
  }

  finish(tolerance: number): OutputAccuracy {
    const { tensor, ranked, whole } = this.#output;
    const scale = rootMeanSquare(this.#rows.map(({ expected }) => expected)) || LEAST_SCALE;
    const judged = this.#rows.map((row) => judgeRow(row, scale));
    const isBeyond = ({ worst, error }: JudgedRow) =>
      whole ? error !== 0 : worst !== null && !(worst.relative <= tolerance);
    const compared = judged.reduce((sum, { values }) => sum + values, 0);
    const relative = judged.reduce((most, { worst }) => Math.max(most, worst?.relative ?? 0), 0);
    return {
      tensor,
      maxError: judged.reduce((most, { maxError }) => Math.max(most, maxError), 0),
      meanError: compared === 0 ? 0 : judged.reduce((sum, { errorSum }) => sum + errorSum, 0) / compared,
      maxRelative: whole || !Number.isFinite(relative) ? null : relative,
      beyondRows: judged.filter(isBeyond).length,
      worst: worstOf(judged),
      ...this.#cosines(scale * NOTHING_SHARE),
      agreement: this.#agreement(Math.min(tolerance, MOST_TIE), scale),
      ranked,
      notFiniteRows: judged.filter(({ allFinite }) => !allFinite).length,
    };
  }

  #cosines(nothing: number): Pick<OutputAccuracy, "meanCosine" | "leastCosine"> {
    const vectors = this.#rows.filter(({ expected }) => expected.length > 1);
    if (this.#output.whole || this.#rows.length === 0) return { meanCosine: null, leastCosine: null };
    const cosines = vectors.map(({ expected, found }) =>
      new Products().addAll(expected, found).cosine(nothing),
    );
    if (cosines.length === 0) {
      // Rows of one value: the rows together are one vector.
      const single = new Products();
      for (const { expected, found } of this.#rows) single.addAll(expected, found);
      const cosine = single.cosine(nothing);
      return { meanCosine: cosine, leastCosine: cosine };
    }
    const mean = cosines.reduce((sum, cosine) => sum + cosine, 0) / cosines.length;
    return { meanCosine: mean, leastCosine: Math.min(...cosines) };
  }

  #agreement(tie: number, scale: number): number | null {
    const { whole } = this.#output;
    const rows = this.#rows.filter(({ expected }) => whole || expected.length > 1);
    if (rows.length === 0) return null;
    const agreed = rows.filter(({ expected, found }) =>
      whole ? areEqual(expected, found) : keepsOrder(expected, found, tie, scale),
    );
    return agreed.length / rows.length;
  }
}

function keepsOrder(expected: Numbers, found: Numbers, tie: number, scale: number): boolean {
  const greatest = expected[greatestPlace(expected)] ?? 0;
  // A reference without a finite number allows no comparison.
  if (!Number.isFinite(greatest)) return true;
  return keepsGreatest(expected, greatestPlace(found), tie * Math.max(Math.abs(greatest), scale));
}

interface JudgedRow {
  readonly place: RowPlace;
  readonly values: number;
  readonly errorSum: number;
  readonly maxError: number;
  readonly error: number;
  readonly allFinite: boolean;
  /** Null: nothing can be compared. */
  readonly worst: {
    readonly index: number;
    readonly expected: number;
    readonly found: number;
    readonly relative: number;
  } | null;
}

function judgeRow({ place, expected, found }: ComparedRow, scale: number): JudgedRow {
  let [values, errorSum, maxError, allFinite] = [0, 0, 0, expected.length === found.length];
  let worst: JudgedRow["worst"] = null;
  for (let index = 0; index < expected.length; index += 1) {
    const a = expected[index] ?? 0;
    const b = found[index] ?? Number.NaN;
    // A reference without a finite number allows no comparison.
    if (!Number.isFinite(a)) continue;
    const error = Number.isFinite(b) ? Math.abs(b - a) : Number.POSITIVE_INFINITY;
    const relative = error / Math.max(Math.abs(a), scale);
    if (worst === null || relative > worst.relative) worst = { index, expected: a, found: b, relative };
    if (!Number.isFinite(b)) {
      allFinite = false;
      continue;
    }
    values += 1;
    errorSum += error;
    maxError = Math.max(maxError, error);
  }
  const error = allFinite ? maxError : Number.POSITIVE_INFINITY;
  return { place, values, errorSum, maxError, error, allFinite, worst };
}

function worstOf(rows: readonly JudgedRow[]): WorstRow[] {
  return rows
    .flatMap(({ place, worst }) => (worst === null || worst.relative === 0 ? [] : [{ place, worst }]))
    .sort((a, b) => b.worst.relative - a.worst.relative || a.place.row - b.place.row)
    .slice(0, WORST_ROWS)
    .map(({ place: { file, row }, worst: { index, expected, found, relative } }) => ({
      file,
      row,
      index,
      expected: String(expected),
      found: String(found),
      relative: Number.isFinite(relative) ? relative : null,
    }));
}

function areEqual(a: Numbers, b: Numbers): boolean {
  if (a.length !== b.length) return false;
  for (let index = 0; index < a.length; index += 1) if (a[index] !== b[index]) return false;
  return true;
}
