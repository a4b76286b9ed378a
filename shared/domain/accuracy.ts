import * as z from "zod";
import type { Frozen } from "../core/frozen.ts";
import { DEVICES } from "./device.ts";

const count = z.int().nonnegative();

/** The value of a row that is furthest off. */
const worstRow = z.object({
  file: z.string(),
  /** In the file, from 0. */
  row: count,
  /** Of the value among the row's, from 0. */
  index: count,
  /** As text: JSON has no NaN. */
  expected: z.string(),
  found: z.string(),
  /** Null where what was found is not finite. */
  relative: z.number().nullable(),
});

/**
 * One tensor of the answers, over all rows that were compared. Errors are of single values, found less
 * expected.
 */
const outputAccuracy = z.object({
  tensor: z.string(),
  maxError: z.number(),
  meanError: z.number(),
  /**
   * The largest error of a value as `AccuracyLimits.tolerance` counts it; null where one is not finite, or of
   * whole numbers.
   */
  maxRelative: z.number().nullable(),
  /** Rows with a value beyond the tolerance; of whole numbers: rows that are not equal. */
  beyondRows: count,
  /** The rows that are furthest off, the worst first; none that is right. */
  worst: z.array(worstRow),
  /** Cosine of the vector of a row's values. Where each row has one value: of all rows'. Null: no floats. */
  meanCosine: z.number().nullable(),
  leastCosine: z.number().nullable(),
  /**
   * Share of rows with the same greatest value at the same place, or another that was as great within the
   * tolerance; of equal rows for whole numbers; null where a row has one value.
   */
  agreement: z.number().nullable(),
  /** The job reads an order or a class from it: `agreement` counts. */
  ranked: z.boolean(),
  /** Rows with NaN or an infinity where the reference has a number. */
  notFiniteRows: count,
});

/** What a check lets pass. */
const limits = z.object({
  /** Of a value: its error over the larger of its own size and the tensor's (root mean square). */
  tolerance: z.number(),
  /** Share of rows that may have a value beyond the tolerance. */
  maxBeyond: z.number(),
  minCosine: z.number(),
  minAgreement: z.number(),
});

/** How outputs of a model differ from those of a reference, on rows of the job itself. Plain JSON. */
const accuracy = z.object({
  /** Rows that both answered, or the reference alone. */
  rows: count,
  /** Rows that the reference answers and the model fails on. */
  failedRows: count,
  /** What the check took. */
  seconds: z.number(),
  /** The tensors that the job uses, in its order. */
  outputs: z.array(outputAccuracy),
  ...limits.shape,
});

/** Accuracy of a converted model, with its original as the reference. */
export const CONVERSION_REPORT_SCHEMA = z.object({
  /** Bytes of the models' files, with external data. */
  originalBytes: count,
  convertedBytes: count,
  ...accuracy.shape,
});

/** A device other than the CPU against the CPU, with the model that workers run. Kept in the manifest. */
export const DEVICE_REPORT_SCHEMA = z.object({
  /** Who found it. */
  worker: z.string(),
  device: z.enum(DEVICES).exclude(["auto"]),
  /** As its maker calls it; null where it is not known. */
  gpu: z.string().nullable(),
  onnxruntimeVersion: z.string(),
  /** An earlier run found it, with this model on this device: it cost nothing now. */
  remembered: z.boolean(),
  /** What is wrong with it, and so this worker gets no shards of the job; null when it passed. */
  refusal: z.string().nullable(),
  ...accuracy.shape,
});

export type AccuracyReport = Frozen<z.output<typeof accuracy>>;
export type AccuracyLimits = Frozen<z.output<typeof limits>>;
export type OutputAccuracy = AccuracyReport["outputs"][number];
export type WorstRow = OutputAccuracy["worst"][number];
export type ConversionReport = Frozen<z.output<typeof CONVERSION_REPORT_SCHEMA>>;
export type DeviceReport = Frozen<z.output<typeof DEVICE_REPORT_SCHEMA>>;
