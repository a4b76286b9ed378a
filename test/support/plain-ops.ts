import type { OpKind, OutputOpBinding } from "../../shared/output-ops/output-ops.ts";
import type { VectorBinding } from "../../shared/output-ops/vector.ts";

type Values = readonly number[];

/**
 * Computes an output's columns for a row in the plainest way, from its values at the first and all positions.
 */
type PlainOp = (values: Values, plan: OutputOpBinding, positions: readonly Values[]) => readonly Values[];

/** Returns indices in descending order: NaN first, then by value, and equal ones by index. */
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

/** Computes a softmax by definition. The greatest value is subtracted before. */
function probabilities(values: readonly number[]): number[] {
  const greatest = values[ranked(values)[0] ?? 0] ?? 0;
  const shares = values.map((value) => Math.exp(value - greatest));
  const sum = shares.reduce((total, share) => total + share, 0);
  return shares.map((share) => share / sum);
}

const byValue = (positions: readonly Values[], of: (column: number[]) => number): number[] =>
  (positions[0] ?? []).map((_, index) => of(positions.map((values) => values[index] ?? 0)));

const POOLED: Readonly<Record<string, (positions: readonly Values[]) => Values>> = {
  mean: (positions) =>
    byValue(positions, (column) => column.reduce((sum, value) => sum + value, 0) / column.length),
  max: (positions) => byValue(positions, (column) => Math.max(...column)),
  cls: (positions) => positions[0] ?? [],
  last: (positions) => positions.at(-1) ?? [],
};

/** Truncates a vector, normalizes it, and converts it to its type, as sentence-transformers does. */
function embedded(values: Values, { dims, normalize, as }: VectorBinding): number[] {
  const cut = values.slice(0, dims);
  const length = Math.max(Math.sqrt(cut.reduce((sum, value) => sum + value * value, 0)), 1e-12);
  const vector = normalize ? cut.map((value) => value / length) : cut;
  if (as === "ubinary") {
    const bits = vector.map((value) => (value > 0 ? "1" : "0")).join("");
    return (bits.match(/.{1,8}/g) ?? []).map((byte) => Number.parseInt(byte.padEnd(8, "0"), 2));
  }
  if (as === "int8") return vector.map(int8);
  return as === "float16"
    ? vector.map((value) => (Math.abs(value) < 65520 ? value : value * Infinity))
    : vector;
}

function int8(value: number): number {
  const [down, up] = [Math.floor(value * 127), Math.ceil(value * 127)];
  if (Number.isNaN(value)) return 0;
  const nearest = value * 127 - down < up - value * 127 ? down : up;
  // Rounds half to even.
  return value * 127 - down === up - value * 127 && down % 2 === 0 ? down : nearest;
}

/**
 * Plain implementations of all ops on one vector a row. A new op has no test before it is listed here.
 * `boxes.test.ts` compares boxes with other programs.
 */
export const PLAIN_OPS = {
  raw: (values, plan) => [
    plan.kind === "raw" && plan.vector !== undefined ? embedded(values, plan.vector) : values,
  ],
  pool: (_values, plan, positions) =>
    plan.kind === "pool" ? [embedded(POOLED[plan.pool]?.(positions) ?? [], plan.vector)] : [],
  argmax: (values) => [[ranked(values)[0] ?? 0]],
  maxSoftmax: (values) => [[probabilities(values)[ranked(values)[0] ?? 0] ?? 0]],
  softmax: (values) => [probabilities(values)],
  sigmoid: (values) => [values.map((value) => 1 / (1 + Math.exp(-value)))],
  threshold: (values, plan) => {
    if (plan.kind !== "threshold") return [];
    const scores = values.map((value) => (plan.activation === "none" ? value : 1 / (1 + Math.exp(-value))));
    const taken = [...values.keys()].filter(
      (index) => Math.fround(scores[index] ?? 0) >= Math.fround(plan.threshold),
    );
    return [taken.map((index) => scores[index] ?? 0), taken];
  },
  topK: (values, plan) => {
    const best = ranked(values).slice(0, plan.kind === "topK" ? plan.k : 0);
    return [best.map((index) => values[index] ?? 0), best];
  },
  columns: (values) => values.map((value) => [value]),
  ctc: (_values, plan, positions) => {
    if (plan.kind !== "ctc") return [];
    const best = positions.map((values) => ranked(values)[0] ?? 0);
    // Groups equal neighbours first, and removes the blank afterwards.
    const taken = best
      .map((index, at) => ({ index, values: positions[at] ?? [] }))
      .filter(({ index }, at) => index !== best[at - 1])
      .filter(({ index }) => index !== plan.blank);
    const scores = taken.map(
      ({ index, values }) => (plan.isLogits ? probabilities(values)[index] : values[index]) ?? 0,
    );
    const sum = scores.reduce((total, score) => total + score, 0);
    return [taken.map(({ index }) => index), [scores.length === 0 ? 0 : sum / scores.length]];
  },
} as const satisfies Record<Exclude<OpKind, "boxes">, PlainOp>;
