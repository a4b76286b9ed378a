import { present } from "../../../shared/core/assert.ts";

/** Numeric precisions of a converted model. */
export const CONVERTED_PRECISIONS = ["fp16", "int8"] as const;
export type ConvertedPrecision = (typeof CONVERTED_PRECISIONS)[number];

/** Takes a value that the job file's schema has let through. */
export function asPrecision(value: string): ConvertedPrecision {
  return present(
    CONVERTED_PRECISIONS.find((precision) => precision === value),
    "the model is converted to a precision",
  );
}

/** What a conversion did to a model. Plain JSON. */
export interface Conversion {
  readonly precision: ConvertedPrecision;
  readonly nodes: { readonly converted: number; readonly total: number };
  /** Constant tensors, and the values in them. */
  readonly weights: { readonly tensors: number; readonly values: number };
  /** Candidates that stay in float32, by operator and reason. The most frequent is first. */
  readonly left: readonly LeftAlone[];
  readonly warnings: readonly string[];
}

export interface LeftAlone {
  readonly op: string;
  readonly nodes: number;
  readonly reason: string;
}
