import type { ConversionReport } from "../../shared/domain/accuracy.ts";

/** Report of a converted model with an output of classes, and one of integers. */
export const CONVERSION_REPORT: ConversionReport = {
  originalBytes: 4 << 20,
  convertedBytes: 1 << 20,
  rows: 256,
  failedRows: 0,
  seconds: 1.5,
  tolerance: 1,
  maxBeyond: 0.01,
  outputs: [
    {
      tensor: "logits",
      maxError: 0.12345,
      meanError: 0.001,
      maxRelative: 0.456,
      beyondRows: 2,
      worst: [{ file: "a.parquet", row: 17, index: 3, expected: "0.01", found: "0.3200001", relative: 31 }],
      meanCosine: 0.9991,
      leastCosine: 0.99,
      agreement: 0.98828125,
      ranked: true,
      notFiniteRows: 0,
    },
    {
      tensor: "best",
      maxError: 3,
      meanError: 0,
      maxRelative: null,
      beyondRows: 0,
      worst: [],
      meanCosine: null,
      leastCosine: null,
      agreement: 1,
      ranked: false,
      notFiniteRows: 2,
    },
  ],
  minCosine: 0.99,
  minAgreement: 0.98,
};
