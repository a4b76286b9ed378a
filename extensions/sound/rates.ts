/** Sample rates before and after resampling. */
export interface Rates {
  readonly from: number;
  readonly to: number;
}

/** Divides both rates by their greatest common divisor: 384,000 to 16,000 is 24 to 1. */
export function inLowestTerms({ from, to }: Rates): Rates {
  let [divisor, rest] = [from, to];
  while (rest > 0) [divisor, rest] = [rest, divisor % rest];
  return { from: from / divisor, to: to / divisor };
}
