import { present } from "../../../shared/core/assert.ts";

/** Numeric precisions of a converted model. */
export const CONVERTED_PRECISIONS = ["fp16", "int8"] as const;
export type ConvertedPrecision = (typeof CONVERTED_PRECISIONS)[number];

/** Narrows a value that the job file's schema has accepted. */
export function asPrecision(value: string): ConvertedPrecision {
  return present(
    CONVERTED_PRECISIONS.find((precision) => precision === value),
    "the model is converted to a precision",
  );
}

/** Result of a model's conversion. Plain JSON. */
export interface Conversion {
  readonly precision: ConvertedPrecision;
  readonly nodes: { readonly converted: number; readonly total: number };
  /** Numbers of constant tensors and of their values. */
  readonly weights: { readonly tensors: number; readonly values: number };
  /** Candidates that stay in float32, by operator and reason, most frequent first. */
  readonly left: readonly LeftAlone[];
  readonly warnings: readonly string[];
}

export interface LeftAlone {
  readonly op: string;
  readonly nodes: number;
  readonly reason: string;
}
