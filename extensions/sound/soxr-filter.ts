/**
 * Filters of soxr's quality HQ (20 bits, linear phase), which librosa and most model makers use. It resamples
 * in stages: halvings, a sharp filter at a simple rate, and a gentle one that interpolates between samples.
 */
import { type Kernel, kaiserSinc, tabulated } from "./kaiser.ts";
import { inLowestTerms, type Rates } from "./rates.ts";

/** Filter between two rates, relative to the rate of the sound. It has no input before time 0. */
export interface Stage {
  readonly rateIn: number;
  /** Rate of the filter's taps: a multiple of `rateIn`. */
  readonly tapRate: number;
  /** Filter over taps. */
  readonly kernel: Kernel;
}

/** End of the sharp filter's passband, in halves of the lower rate. From 1 on, nothing passes. */
const PASSBAND_END = 0.9137436532733066;

/** Precision of a filter in bits: 20, and one more because passband and stopband share the error. */
const BITS = 21;

/** Part of the sharp transition band whose image the gentle filter must stop. */
const IMAGE_SHARE = 0.7;

/** Share of the gentle filter's transition band after the passband's end, where it loses 0.01 dB. */
const GENTLE_SHARE = 0.8742128408941549;
const GENTLE_BETA = 14.058638741903037;
/** Taps of the gentle filter, for half a transition band of 1. */
const GENTLE_LENGTH = 8.950692527932636;
/** Part of a phase by which the gentle filter's window ends before its last sample. */
const GENTLE_MARGIN = 0.25;

/** Limits of the gentle filter's phases. Fewer do not shorten the filter, and more are interpolated. */
const LEAST_PHASES = 19;
const MOST_PHASES = 2048;

/** Filter that passes a quarter of the band and stops the last quarter. */
const HALVING = tabulated(kaiserSinc(0.5, 14, 18));

/**
 * Returns the stages that convert one rate to another.
 *
 * @param rates must be in lowest terms
 */
export function soxrStages({ from, to }: Rates): readonly Stage[] {
  const halvings = Math.max(0, Math.floor(Math.log2(from / to)) - 1);
  const isDoubled = to > 4 * from && to !== 5 * from;
  const doubled = isDoubled ? Math.max(4, 2 ** Math.floor(Math.log2(to / from / 4))) : 1;
  const rest = inLowestTerms({ from: from * doubled, to: to * 2 ** halvings });
  const isSimple = Math.max(rest.from, rest.to) < 5 || rest.from * rest.to < 6;
  // Each stage adds to the error.
  const stages = 1 + halvings + (isDoubled ? 1 : 0);
  const attenuation = decibels(2 ** (BITS + (isSimple ? 0 : 1)) * stages);
  const rate = 0.5 ** halvings;
  const between = isSimple ? simpleStages(rest, rate, attenuation) : twoStages(rest, rate, attenuation);
  const first = Array.from({ length: halvings }, (_, index) => {
    const halved = 0.5 ** index;
    return { rateIn: halved, tapRate: halved, kernel: HALVING };
  });
  const last = isDoubled ? [lastStage({ from, to }, doubled, attenuation)] : [];
  return [...first, ...between, ...last];
}

function decibels(ratio: number): number {
  return 20 * Math.log10(ratio);
}

/** Returns the sharp filter as the only stage, which makes all output samples. */
function simpleStages({ from, to }: Rates, rate: number, attenuation: number): readonly Stage[] {
  const kernel = sharpKernel(Math.max(from, to), attenuation, to === 4 ? 8 : 4);
  return [{ rateIn: rate, tapRate: to * rate, kernel: tabulated(kernel) }];
}

function twoStages({ from, to }: Rates, rate: number, attenuation: number): readonly Stage[] {
  const ratio = from / to;
  if (ratio > 1.5 && ratio < 2) {
    const { to: phases } = inLowestTerms({ from, to: 2 * to });
    const gentle = gentleKernel({ rate: ratio, phases, stop: 3 / ratio, hasOddTaps: true });
    const doubled = (2 * rate) / ratio;
    return [
      { rateIn: rate, tapRate: rate, kernel: gentle },
      { rateIn: doubled, tapRate: doubled, kernel: sharpKernel(2, attenuation) },
    ];
  }
  const factor = ratio < 2 ? 2 : 1;
  const sharpRate = factor * Math.max(1, ratio);
  const image = PASSBAND_END + (1 - PASSBAND_END) * IMAGE_SHARE;
  const { to: phases } = inLowestTerms({ from: factor * from, to });
  const gentle = { rate: sharpRate, phases, stop: 2 - image / sharpRate, hasOddTaps: ratio < 1 };
  return [
    { rateIn: rate, tapRate: factor * rate, kernel: tabulated(sharpKernel(sharpRate, attenuation)) },
    { rateIn: factor * rate, tapRate: factor * rate, kernel: gentleKernel(gentle) },
  ];
}

/** @param rate rate of the taps, relative to the lower rate of input and output */
function sharpKernel(rate: number, attenuation: number, tapStep = 4): Kernel {
  return designed({ pass: PASSBAND_END / rate, stop: 1 / rate }, attenuation, tapStep);
}

/** Returns the stage that multiplies the samples of the previous stages' band. */
function lastStage({ from, to }: Rates, doubled: number, attenuation: number): Stage {
  const rateIn = to / from / doubled;
  const band = { pass: PASSBAND_END / rateIn / doubled, stop: (2 - 1 / rateIn) / doubled };
  return { rateIn, tapRate: to / from, kernel: designed(band, attenuation, 2 * doubled) };
}

interface Band {
  readonly pass: number;
  readonly stop: number;
}

/** Designs a filter. The polynomials fit soxr's windows for sharp filters, from 126 to 152 decibels. */
function designed({ pass, stop }: Band, attenuation: number, tapStep: number): Kernel {
  const x = attenuation - 138;
  const beta = 14.3302676 + (0.111669083 + (1.11537772e-5 + 2.03481303e-9 * x) * x) * x;
  const length = 9.12362168 + (0.0710951198 + (8.02997206e-6 - 2.05207308e-8 * x) * x) * x;
  const half = (stop - pass) / 2;
  const taps = Math.ceil(length / half / tapStep) * tapStep + 1;
  return kaiserSinc(stop - half, beta, taps / 2);
}

interface GentleBand {
  readonly rate: number;
  /** Output phases between two samples. */
  readonly phases: number;
  readonly stop: number;
  readonly hasOddTaps: boolean;
}

function gentleKernel({ rate, phases, stop, hasOddTaps }: GentleBand): Kernel {
  const pass = stop - (stop - PASSBAND_END / rate) / GENTLE_SHARE;
  const half = Math.min(stop - pass, stop) / 2;
  const fine = Math.min(MOST_PHASES, phases);
  const least = Math.max(LEAST_PHASES, fine);
  const taps = Math.floor(Math.ceil((GENTLE_LENGTH * least) / half + 1) / least) + 1;
  const used = taps % 2 === 1 && !hasOddTaps ? taps + 1 : taps;
  const isHalved = used % 2 === 1 && fine % 2 === 1;
  return kaiserSinc(stop - half, GENTLE_BETA, used / 2 - GENTLE_MARGIN / (isHalved ? 2 * fine : fine));
}
