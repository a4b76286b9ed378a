/** Symmetric filter over time, which is zero from `halfWidth` on. */
export interface Kernel {
  readonly halfWidth: number;
  at(time: number): number;
}

/**
 * Makes an ideal low-pass filter with a Kaiser window, for samples at distance 1.
 *
 * @param cutoff in halves of the sample rate
 */
export function kaiserSinc(cutoff: number, beta: number, halfWidth: number): Kernel {
  const scale = cutoff / bessel(beta);
  return {
    halfWidth,
    at(time) {
      const place = time / halfWidth;
      if (place <= -1 || place >= 1) return 0;
      const angle = Math.PI * cutoff * time;
      const sinc = angle === 0 ? 1 : Math.sin(angle) / angle;
      return scale * sinc * bessel(beta * Math.sqrt(1 - place * place));
    },
  };
}

/** Returns a filter with precomputed values at the integers from `-reach` to `reach`. */
export function tabulated({ halfWidth, at }: Kernel): Kernel {
  const reach = Math.ceil(halfWidth) - 1;
  const taps = Float64Array.from({ length: 2 * reach + 1 }, (_, tap) => at(tap - reach));
  return { halfWidth, at: (time) => taps[Math.round(time) + reach] ?? 0 };
}

/** Returns the modified Bessel function I0 by its power series: Abramowitz and Stegun, 9.6.12. */
function bessel(x: number): number {
  const quarter = (x * x) / 4;
  let term = 1;
  let sum = 1;
  for (let k = 1; term > sum * Number.EPSILON; k += 1) {
    term *= quarter / (k * k);
    sum += term;
  }
  return sum;
}
