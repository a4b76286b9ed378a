import * as z from "zod";
import type { Frozen } from "../core/frozen.ts";
import { DEVICES } from "./device.ts";

const count = z.int().nonnegative();

/** Value with the largest error in a row. */
const worstRow = z.object({
  file: z.string(),
  /** Index of the row in the file, from 0. */
  row: count,
  /** Index of the value in the row, from 0. */
  index: count,
  /** Text, because JSON has no NaN. */
  expected: z.string(),
  found: z.string(),
  /** Relative error. Null: the found value is not finite. */
  relative: z.number().nullable(),
});

/** Errors of one output tensor over all compared rows. An error is the found value minus the expected one. */
const outputAccuracy = z.object({
  tensor: z.string(),
  maxError: z.number(),
  meanError: z.number(),
  /**
   * Largest relative error, as `AccuracyLimits.tolerance` measures it. Null: a value is not finite, or the
   * tensor holds whole numbers.
   */
  maxRelative: z.number().nullable(),
  /** Rows with a value beyond the tolerance. Whole numbers: rows that are not equal. */
  beyondRows: count,
  /** Rows with the largest errors, worst first. Correct rows are excluded. */
  worst: z.array(worstRow),
  /** Mean cosine similarity of the rows' vectors. One value a row: cosine over all rows. Null: no floats. */
  meanCosine: z.number().nullable(),
  leastCosine: z.number().nullable(),
  /**
   * Share of rows whose greatest value has the same index in both outputs. Values within the tolerance count
   * as equally great. Whole numbers: share of equal rows. Null: a row has one value.
   */
  agreement: z.number().nullable(),
  /** The job reads an order or a class from the tensor, so `agreement` counts. */
  ranked: z.boolean(),
  /** Rows with NaN or an infinity where the reference has a finite number. */
  notFiniteRows: count,
});

/** Limits within which a check passes. */
const limits = z.object({
  /**
   * Largest allowed error of a value, relative to its own size or the tensor's root mean square, whichever is
   * larger.
   */
  tolerance: z.number(),
  /** Share of rows that may have a value beyond the tolerance. */
  maxBeyond: z.number(),
  minCosine: z.number(),
  minAgreement: z.number(),
});

/** Differences between a model's outputs and those of a reference, on rows of the job. Plain JSON. */
const accuracy = z.object({
  /** Rows that the reference answered, `failedRows` included. */
  rows: count,
  /** Rows that the reference answers and the model fails on. */
  failedRows: count,
  /** Duration of the check. */
  seconds: z.number(),
  /** Output tensors that the job uses, in its order. */
  outputs: z.array(outputAccuracy),
  ...limits.shape,
});

/** Accuracy of a converted model, compared with the original model. */
export const CONVERSION_REPORT_SCHEMA = z.object({
  /** Bytes of the model's files, external data included. */
  originalBytes: count,
  convertedBytes: count,
  ...accuracy.shape,
});

/**
 * Accuracy of a device other than the CPU, compared with the CPU, for the model that workers run. The
 * manifest keeps it.
 */
export const DEVICE_REPORT_SCHEMA = z.object({
  /** Name of the worker that ran the check. */
  worker: z.string(),
  device: z.enum(DEVICES).exclude(["auto"]),
  /** GPU name from its vendor. Null: unknown. */
  gpu: z.string().nullable(),
  onnxruntimeVersion: z.string(),
  /** The report comes from an earlier run with this model and device, and took no time now. */
  remembered: z.boolean(),
  /** Reason why this worker gets no shards of the job. Null: the device passed. */
  refusal: z.string().nullable(),
  ...accuracy.shape,
});

export type AccuracyReport = Frozen<z.output<typeof accuracy>>;
export type AccuracyLimits = Frozen<z.output<typeof limits>>;
export type OutputAccuracy = AccuracyReport["outputs"][number];
export type WorstRow = OutputAccuracy["worst"][number];
export type ConversionReport = Frozen<z.output<typeof CONVERSION_REPORT_SCHEMA>>;
export type DeviceReport = Frozen<z.output<typeof DEVICE_REPORT_SCHEMA>>;
