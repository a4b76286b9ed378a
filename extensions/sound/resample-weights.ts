import type { Rates } from "./rates.ts";
import { type Stage, soxrStages } from "./soxr-filter.ts";

/** Largest reduced rate for which each phase has its own weights: 5 MB of them. */
const MOST_EXACT = 2048;

/** Phases in a sample of the lower rate. Others are interpolated within 1e-8. */
const FEWER_PHASES = 256;

/** Ratio from which the first samples get the usual weights, because their own take seconds to compute. */
const MOST_RATIO_CUT = 16;

/** Weights of the `2 * reach` input samples around an output sample, by its phase between two of them. */
export interface ResampleWeights {
  readonly reach: number;
  readonly phases: number;
  /** Weights from phase -1 to one after the last phase. */
  readonly byPhase: readonly Float64Array[];
  /** Weights of a sound's first samples, for which a stage lacks samples before time 0. */
  readonly first: readonly Float64Array[];
}

/** Weights of equidistant samples, the first at `start`. */
interface Row {
  readonly start: number;
  readonly distance: number;
  readonly weights: Float64Array;
  /** True when a stage needs samples that the previous stage does not make. */
  readonly isCut: boolean;
}

/** @param rates must be in lowest terms */
export function resampleWeights(rates: Rates): ResampleWeights {
  const { from, to } = rates;
  const stages = soxrStages(rates);
  const phases = Math.max(from, to) <= MOST_EXACT ? to : Math.ceil(FEWER_PHASES * Math.min(1, to / from));
  const width = stages.reduce((sum, { kernel, tapRate }) => sum + kernel.halfWidth / tapRate, 0);
  const reach = Math.ceil(width + 1 / phases);
  const around = (row: Row, sample: number) => {
    const weights = new Float64Array(2 * reach);
    const skipped = row.start - (sample - reach + 1);
    for (const [at, weight] of row.weights.entries()) weights[at + skipped] = weight;
    return weights;
  };
  const byPhase = Array.from({ length: phases + 3 }, (_, index) =>
    around(rowAt(stages, (index - 1) / phases, -Infinity), 0),
  );
  const first: Float64Array[] = [];
  for (let time = 0; Math.max(from / to, to / from) < MOST_RATIO_CUT; time = (first.length * from) / to) {
    const row = rowAt(stages, time, 0);
    if (!row.isCut) break;
    first.push(around(row, Math.floor(time)));
  }
  return { reach, phases, byPhase, first };
}

/**
 * Returns the weights of a sound's samples in the output at a time, from the last stage to the first.
 *
 * @param earliest number of the first sample that a stage makes
 */
function rowAt(stages: readonly Stage[], time: number, earliest: number): Row {
  let row: Row = { start: time, distance: 1, weights: Float64Array.of(1), isCut: false };
  for (let at = stages.length - 1; at >= 0; at -= 1) {
    const stage = stages[at];
    if (stage !== undefined) row = inputsOf(stage, row, at === 0 ? -Infinity : earliest);
  }
  return row;
}

function inputsOf({ rateIn, tapRate, kernel }: Stage, row: Row, earliest: number): Row {
  const span = kernel.halfWidth / tapRate;
  const end = row.start + (row.weights.length - 1) * row.distance;
  const wanted = Math.ceil((row.start - span) * rateIn);
  const first = Math.max(earliest, wanted);
  const weights = new Float64Array(Math.max(0, Math.floor((end + span) * rateIn) - first + 1));
  const gain = tapRate / rateIn;
  for (const [index, weight] of row.weights.entries()) {
    const time = row.start + index * row.distance;
    const last = Math.floor((time + span) * rateIn);
    for (let at = Math.max(first, Math.ceil((time - span) * rateIn)); at <= last; at += 1)
      weights[at - first] =
        (weights[at - first] ?? 0) + gain * weight * kernel.at((time - at / rateIn) * tapRate);
  }
  return { start: first / rateIn, distance: 1 / rateIn, weights, isCut: row.isCut || wanted < earliest };
}
