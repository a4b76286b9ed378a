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
  /** Nodes that stay in float32 and could have been looked for, by operator and reason; the most frequent first. */
  readonly left: readonly LeftAlone[];
  readonly warnings: readonly string[];
}

export interface LeftAlone {
  readonly op: string;
  readonly nodes: number;
  readonly reason: string;
}

/** How a converted model's answers differ from the original's, on rows of the job itself. Kept in the manifest: plain JSON. */
export interface PrecisionReport {
  readonly precision: ConvertedPrecision;
  /** The model's files, before and after. */
  readonly originalBytes: number;
  readonly convertedBytes: number;
  /** Rows that both models answered, or the original alone. */
  readonly rows: number;
  /** Rows that the original answers and the converted model fails on. */
  readonly failedRows: number;
  /** The tensors that the job uses, in its order. */
  readonly outputs: readonly OutputAccuracy[];
  /** What was asked for. */
  readonly minCosine: number;
  readonly minAgreement: number;
}

/** A job whose model was converted, as people see it. */
export interface JobPrecision {
  readonly precision: ConvertedPrecision;
  /** What the manifest will keep; null where the job asks for no check, or was published by a version that kept none. */
  readonly check: PrecisionReport | null;
}

/** Null for a model as it came. */
export function jobPrecision(precision: Precision, check: PrecisionReport | null): JobPrecision | null {
  return precision === "original" ? null : { precision, check };
}

/** One tensor of the answers, over all rows that were compared. Errors are of single values, converted less original. */
export interface OutputAccuracy {
  readonly tensor: string;
  readonly maxError: number;
  readonly meanError: number;
  /** Of each row's values, taken as a vector (of all rows' where each has but one); null for whole numbers. */
  readonly meanCosine: number | null;
  readonly leastCosine: number | null;
  /** Share of rows with the same greatest value at the same place; of equal rows for whole numbers; null where a row has one value. */
  readonly agreement: number | null;
  /** The job reads an order or a class from it: `agreement` counts. */
  readonly ranked: boolean;
  /** Rows with NaN or an infinity where the original has a number. */
  readonly notFiniteRows: number;
}
