/** In what numbers a job's model computes: as it came, in float16, or with int8 products. */
export const PRECISIONS = ["original", "fp16", "int8"] as const;
export type Precision = (typeof PRECISIONS)[number];
export const CONVERTED_PRECISIONS = ["fp16", "int8"] as const;
export type ConvertedPrecision = (typeof CONVERTED_PRECISIONS)[number];

/** Goes up whenever the same model gives another file: files made before are then made anew. */
export const CONVERTER_VERSION = 1;

/** What a conversion did to a model. Plain JSON. */
export interface Conversion {
  readonly precision: ConvertedPrecision;
  readonly nodes: { readonly converted: number; readonly total: number };
  /** Constant tensors, and the values in them. */
  readonly weights: { readonly tensors: number; readonly values: number };
  /**
   * Nodes that stay in float32 and could have been looked for, by operator and reason; the most frequent
   * first.
   */
  readonly left: readonly LeftAlone[];
  readonly warnings: readonly string[];
}

export interface LeftAlone {
  readonly op: string;
  readonly nodes: number;
  readonly reason: string;
}
