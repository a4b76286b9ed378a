import type { Metric, SetFacts } from "./op.ts";

/** Relative error of a float32 operation. */
const ROUNDING = 2 ** -24;
/** Operations beside the products of a score, and room for their own errors. */
const MORE_OPERATIONS = 32;
/** Least normal float32. Smaller products may be rounded to zero. */
const LEAST_NORMAL = 2 ** -126;
/** Products of float32 above this bound may overflow. */
const MOST_PRODUCT = 1e37;

/** Returns the length of a vector. */
export function lengthOf(vector: Float32Array): number {
  let sum = 0;
  for (const value of vector) sum += value * value;
  return Math.sqrt(sum);
}

/** Returns the weight of a vector of the set: a factor by cosine, a summand by distance. */
export function weightOf(metric: Metric, length: number): number {
  if (metric === "dot") return 0;
  return metric === "cosine" ? 1 / length : (-length * length) / 2;
}

/**
 * Returns the exact rank of a vector of the set: a larger one is nearer. In float64, in the order of the
 * numbers, so that equal vectors have equal ranks. By distance, it is minus the square of the distance.
 */
export function rankOf(
  metric: Metric,
  query: Float32Array,
  queryLength: number,
  vector: Float32Array,
): number {
  let sum = 0;
  if (metric === "euclidean") {
    for (let at = 0; at < query.length; at += 1) {
      const difference = (query[at] ?? 0) - (vector[at] ?? 0);
      sum -= difference * difference;
    }
    return sum;
  }
  let square = 0;
  for (let at = 0; at < query.length; at += 1) {
    const value = vector[at] ?? 0;
    sum += (query[at] ?? 0) * value;
    square += value * value;
  }
  return metric === "dot" ? sum : sum / (queryLength * Math.sqrt(square));
}

/** Returns the score of a rank, for people: a similarity or a distance. */
export function scoreOf(metric: Metric, rank: number): number {
  return metric === "euclidean" ? Math.sqrt(Math.abs(rank)) : rank;
}

/**
 * Returns the rank in the units of the float32 scores: products, with the set's weights. By distance, a score
 * is q.c - |c|^2 / 2, which is (|q|^2 - d^2) / 2.
 */
export function roughOf(metric: Metric, rank: number, queryLength: number): number {
  return metric === "euclidean" ? (queryLength * queryLength + rank) / 2 : rank;
}

/**
 * Returns a bound of the error of float32 scores, in any order of their sums. See N. Higham, Accuracy and
 * Stability of Numerical Algorithms, section 3.1. Infinite: products may overflow.
 */
export function errorOf(
  { metric, dims, longest, shortest }: Pick<SetFacts, "metric" | "dims" | "longest" | "shortest">,
  queryLength: number,
): number {
  const length = metric === "cosine" ? 1 : queryLength;
  if (length * longest > MOST_PRODUCT || longest * longest > MOST_PRODUCT) return Number.POSITIVE_INFINITY;
  const relative = (dims + MORE_OPERATIONS) * ROUNDING;
  const lost = (dims + MORE_OPERATIONS) * LEAST_NORMAL;
  switch (metric) {
    case "cosine":
      return relative + lost / shortest;
    case "dot":
      return relative * length * longest + lost;
    case "euclidean":
      return relative * (length * longest + longest * longest) + lost;
  }
}
