import { expect, test } from "vitest";
import { conversionEntry } from "../../../../cli/render/conversion-line.ts";
import type { ConversionReport, OutputAccuracy } from "../../../../shared/domain/accuracy.ts";
import type { JobConversion } from "../../../../shared/domain/conversion.ts";
import { CONVERSION_REPORT as REPORT } from "../../../support/conversion-report.ts";

const conversionLine = (found: JobConversion) => conversionEntry(found)[0]?.[1];

const INT8 = { key: "precision", value: "int8" };

test("a conversion is one line with its worst output, and an unconverted model has no line", () => {
  const line = (changes: Partial<ConversionReport>) =>
    conversionLine({ ...INT8, check: { ...REPORT, ...changes } });
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
  expect(conversionLine({ ...INT8, value: "fp16", check: null })).toBe(
    "fp16, not compared with the original",
  );
  expect(conversionEntry({ ...INT8, check: null })).toEqual([
    ["precision", "int8, not compared with the original"],
  ]);
  expect(conversionEntry(null)).toEqual([]);
});
