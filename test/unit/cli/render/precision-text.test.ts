import { expect, test } from "vitest";
import { precisionLine, precisionText } from "../../../../cli/render/precision-text.ts";
import type { OutputAccuracy, PrecisionReport } from "../../../../shared/domain/accuracy.ts";

const REPORT: PrecisionReport = {
  precision: "int8",
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

test("a check is a line and a table", () => {
  expect(precisionText(REPORT).split("\n")).toEqual([
    "the model is 4.0 MiB as it came, 1.0 MiB as int8; compared on 256 rows in 1.5s",
    "output                    largest error  of its size  rows beyond  mean error  cosine, mean  least    agreement",
    "logits                    0.123          0.456        2            0.00100     0.99910       0.99000  98.8 %",
    "best (2 rows not finite)  3.00                        0            0                                  100.0 %",
    "  logits, row 17 of a.parquet, value 3: 0.32 where 0.01 is due",
  ]);
  expect(precisionText({ ...REPORT, failedRows: 3 })).toContain("256 rows, 3 of which it fails on");
  expect(precisionText({ ...REPORT, rows: 0 })).not.toContain("\n");
});

test("a job's precision is one line, with the worst of its outputs, and none for a model as it came", () => {
  const line = (changes: Partial<PrecisionReport>) =>
    precisionLine({ precision: "int8", check: { ...REPORT, ...changes } });
  const [logits, best] = REPORT.outputs;
  const worse = { ...logits, meanCosine: 0.998, leastCosine: 0.95, agreement: 0.97 } as OutputAccuracy;
  expect(line({})).toBe(
    "int8: cosine 0.99910 on average, 0.99000 at least; agreement 98.8 % (256 rows compared)",
  );
  expect(line({ outputs: [...REPORT.outputs, worse], failedRows: 3 })).toBe(
    "int8: cosine 0.99800 on average, 0.95000 at least; agreement 97.0 %; fails on 3 rows (256 rows compared)",
  );
  expect(line({ outputs: [best as OutputAccuracy] })).toBe("int8: agreement 100.0 % (256 rows compared)");
  expect(line({ outputs: [], rows: 0 })).toBe("int8 (0 rows compared)");
  expect(precisionLine({ precision: "fp16", check: null })).toBe("fp16, not compared with the original");
  expect(precisionLine(null)).toBeNull();
});
