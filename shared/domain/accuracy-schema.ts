import * as z from "zod";
import { DEVICES } from "./device.ts";
import { CONVERTED_PRECISIONS, type DeviceReport, type PrecisionReport } from "./precision.ts";

const count = z.int().nonnegative();

const accuracy = {
  rows: count,
  failedRows: count,
  seconds: z.number(),
  outputs: z.array(
    z.object({
      tensor: z.string(),
      maxError: z.number(),
      meanError: z.number(),
      maxRelative: z.number().nullable(),
      beyondRows: count,
      worst: z.array(
        z.object({
          file: z.string(),
          row: count,
          index: count,
          expected: z.string(),
          found: z.string(),
          relative: z.number().nullable(),
        }),
      ),
      meanCosine: z.number().nullable(),
      leastCosine: z.number().nullable(),
      agreement: z.number().nullable(),
      ranked: z.boolean(),
      notFiniteRows: count,
    }),
  ),
  tolerance: z.number(),
  maxBeyond: z.number(),
  minCosine: z.number(),
  minAgreement: z.number(),
};

/** A report from a file that anybody may have written. */
export const PRECISION_REPORT_SCHEMA = z.object({
  precision: z.enum(CONVERTED_PRECISIONS),
  originalBytes: count,
  convertedBytes: count,
  ...accuracy,
}) satisfies z.ZodType<PrecisionReport>;

export const DEVICE_REPORT_SCHEMA = z.object({
  worker: z.string(),
  device: z.enum(DEVICES).exclude(["auto"]),
  gpu: z.string().nullable(),
  onnxruntimeVersion: z.string(),
  remembered: z.boolean(),
  refusal: z.string().nullable(),
  ...accuracy,
}) satisfies z.ZodType<DeviceReport>;
