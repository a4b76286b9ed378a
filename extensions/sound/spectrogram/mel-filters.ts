import { countBins, type MelPlan, type SpectrogramPlan } from "./op.ts";

/** Weights of consecutive bins for a mel. */
export interface MelFilter {
  readonly start: number;
  readonly weights: Float64Array;
}

/** Slaney's scale: linear below 1 kHz, logarithmic above. */
const HERTZ_PER_MEL = 200 / 3;
const LOG_START_HERTZ = 1000;
const LOG_START_MEL = LOG_START_HERTZ / HERTZ_PER_MEL;
const LOG_STEP = Math.log(6.4) / 27;

/** Rounding of each number of a computation. */
type Round = (value: number) => number;

/** Conversions between hertz and mels. */
const SCALES = {
  slaney: {
    toMel: (hertz: number) =>
      hertz < LOG_START_HERTZ
        ? hertz / HERTZ_PER_MEL
        : LOG_START_MEL + Math.log(hertz / LOG_START_HERTZ) / LOG_STEP,
    toHertz: (mel: number, round: Round) =>
      mel < LOG_START_MEL
        ? round(mel * HERTZ_PER_MEL)
        : round(LOG_START_HERTZ * round(Math.exp(round(LOG_STEP * round(mel - LOG_START_MEL))))),
  },
  htk: {
    toMel: (hertz: number) => 2595 * Math.log10(1 + hertz / 700),
    toHertz: (mel: number, round: Round) => round(700 * round(round(10 ** round(mel / 2595)) - 1)),
  },
} as const satisfies Record<MelPlan["scale"], unknown>;

/**
 * Makes triangular filters over the bins of a transform. Weights are float32, as in the libraries. torchaudio
 * also rounds before, which changes a weight by up to 1e-5.
 *
 * Source: `librosa.filters.mel`, and `melscale_fbanks` of torchaudio.
 */
export function melFilters(plan: SpectrogramPlan, mel: MelPlan): readonly MelFilter[] {
  const { toMel, toHertz } = SCALES[mel.scale];
  const round: Round = plan.isRounded ? Math.fround : (value) => value;
  const edges = spaced(toMel(mel.fMin), toMel(mel.fMax), mel.mels + 2, round).map((edge) =>
    toHertz(edge, round),
  );
  const bins = countBins({ ...plan, mel: null });
  const hertzOfBins = plan.isRounded
    ? spaced(0, Math.floor(plan.rate / 2), bins, round)
    : Array.from({ length: bins }, (_, bin) => (bin * plan.rate) / plan.nFft);
  return Array.from({ length: mel.mels }, (_, index) => {
    const [from = 0, middle = 0, to = 0] = edges.slice(index, index + 3);
    const height = mel.norm === "slaney" ? round(2 / round(to - from)) : 1;
    const weights = hertzOfBins.map((hertz) => {
      const up = round(round(hertz - from) / round(middle - from));
      const down = round(round(to - hertz) / round(to - middle));
      return Math.fround(Math.fround(Math.max(0, Math.min(up, down))) * height);
    });
    const start = Math.max(
      0,
      weights.findIndex((weight) => weight > 0),
    );
    const end = weights.findLastIndex((weight) => weight > 0) + 1;
    return { start, weights: Float64Array.from(weights.slice(start, end)) };
  });
}

/** Returns equally spaced numbers, from both ends to the middle, as PyTorch does. */
function spaced(first: number, last: number, count: number, round: Round): readonly number[] {
  const step = round((round(last) - round(first)) / (count - 1));
  return Array.from({ length: count }, (_, at) =>
    at < count / 2
      ? round(round(first) + round(step * at))
      : round(round(last) - round(step * (count - 1 - at))),
  );
}
