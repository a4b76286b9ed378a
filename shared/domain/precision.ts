import type { ConcreteDevice } from "./device.ts";

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

/** How a model's answers differ from those of a reference, on rows of the job itself. Plain JSON. */
export interface AccuracyReport extends AccuracyLimits {
  /** Rows that both answered, or the reference alone. */
  readonly rows: number;
  /** Rows that the reference answers and the model fails on. */
  readonly failedRows: number;
  /** What the check took. */
  readonly seconds: number;
  /** The tensors that the job uses, in its order. */
  readonly outputs: readonly OutputAccuracy[];
}

/** What a check lets pass. */
export interface AccuracyLimits {
  /** Of a value: its error over the larger of its own size and the tensor's (root mean square). */
  readonly tolerance: number;
  /** Share of rows that may have a value beyond the tolerance. */
  readonly maxBeyond: number;
  readonly minCosine: number;
  readonly minAgreement: number;
}

/** A converted model against its original. Kept in the manifest. */
export interface PrecisionReport extends AccuracyReport {
  readonly precision: ConvertedPrecision;
  /** The model's files, before and after. */
  readonly originalBytes: number;
  readonly convertedBytes: number;
}

/** A device other than the CPU against the CPU, with the model that workers run. Kept in the manifest. */
export interface DeviceReport extends AccuracyReport {
  /** Who found it. */
  readonly worker: string;
  readonly device: ConcreteDevice;
  /** As its maker calls it; null where it is not known. */
  readonly gpu: string | null;
  readonly onnxruntimeVersion: string;
  /** An earlier run found it, with this model on this device: it cost nothing now. */
  readonly remembered: boolean;
  /** What is wrong with it, and so this worker gets no shards of the job; null when it passed. */
  readonly refusal: string | null;
}

/** A job whose model was converted, as people see it. */
export interface JobPrecision {
  readonly precision: ConvertedPrecision;
  /** What the manifest will keep; null where the job asks for no check. */
  readonly check: PrecisionReport | null;
}

/** Null for a model as it came. */
export function jobPrecision(precision: Precision, check: PrecisionReport | null): JobPrecision | null {
  return precision === "original" ? null : { precision, check };
}

/**
 * One tensor of the answers, over all rows that were compared. Errors are of single values, found less
 * expected.
 */
export interface OutputAccuracy {
  readonly tensor: string;
  readonly maxError: number;
  readonly meanError: number;
  /**
   * The largest error of a value as `AccuracyLimits.tolerance` counts it; null where one is not finite, or of
   * whole numbers.
   */
  readonly maxRelative: number | null;
  /** Rows with a value beyond the tolerance; of whole numbers: rows that are not equal. */
  readonly beyondRows: number;
  /** The rows that are furthest off, the worst first; none that is right. */
  readonly worst: readonly WorstRow[];
  /**
   * Of each row's values, taken as a vector (of all rows' where each has but one); null for whole numbers.
   */
  readonly meanCosine: number | null;
  readonly leastCosine: number | null;
  /**
   * Share of rows with the same greatest value at the same place, or another that was as great within the
   * tolerance; of equal rows for whole numbers; null where a row has one value.
   */
  readonly agreement: number | null;
  /** The job reads an order or a class from it: `agreement` counts. */
  readonly ranked: boolean;
  /** Rows with NaN or an infinity where the reference has a number. */
  readonly notFiniteRows: number;
}

/** The value of a row that is furthest off. */
export interface WorstRow {
  readonly file: string;
  /** In the file, from 0. */
  readonly row: number;
  /** Of the value among the row's, from 0. */
  readonly index: number;
  /** As text: JSON has no NaN. */
  readonly expected: string;
  readonly found: string;
  /** Null where what was found is not finite. */
  readonly relative: number | null;
}
