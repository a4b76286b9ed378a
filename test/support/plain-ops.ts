import type { OpKind, OutputOpBinding } from "../../shared/output-ops/output-ops.ts";

/** A row's values, and what each of an output's columns has for it: by the plainest way to compute it. */
type PlainOp = (values: readonly number[], plan: OutputOpBinding) => readonly (readonly number[])[];

/** NaN before all, then the greatest; equals by index. */
function ranked(values: readonly number[]): number[] {
  const key = (index: number) => {
    const value = values[index] ?? 0;
    return Number.isNaN(value) ? [1, 0] : [0, value];
  };
  return [...values.keys()].sort((a, b) => {
    const [[nanA = 0, valueA = 0], [nanB = 0, valueB = 0]] = [key(a), key(b)];
    if (nanA !== nanB) return nanB - nanA;
    return valueA === valueB ? a - b : valueB > valueA ? 1 : -1;
  });
}

/** By the definition: each exponent over their sum, all of them divided by that of the greatest before. */
function probabilities(values: readonly number[]): number[] {
  const greatest = values[ranked(values)[0] ?? 0] ?? 0;
  const shares = values.map((value) => Math.exp(value - greatest));
  const sum = shares.reduce((total, share) => total + share, 0);
  return shares.map((share) => share / sum);
}

/** One of every op of the list: an op that is added has no proof before it stands here. */
export const PLAIN_OPS = {
  raw: (values) => [values],
  argmax: (values) => [[ranked(values)[0] ?? 0]],
  maxSoftmax: (values) => [[probabilities(values)[ranked(values)[0] ?? 0] ?? 0]],
  softmax: (values) => [probabilities(values)],
  sigmoid: (values) => [values.map((value) => 1 / (1 + Math.exp(-value)))],
  topK: (values, plan) => {
    const best = ranked(values).slice(0, plan.kind === "topK" ? plan.k : 0);
    return [best.map((index) => values[index] ?? 0), best];
  },
} as const satisfies Record<OpKind, PlainOp>;
