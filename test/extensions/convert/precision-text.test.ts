import { expect, test } from "vitest";
import { precisionText } from "../../../extensions/convert/check/precision-text.ts";
import { CONVERSION_REPORT as REPORT } from "../../support/conversion-report.ts";

test("the text of a precision check is a line and a table", () => {
  expect(precisionText("int8", REPORT).split("\n")).toEqual([
    "the model has 4.0 MiB originally, 1.0 MiB as int8, compared on 256 rows in 1.5s",
    "output                    largest error  relative  rows beyond  mean error  cosine, mean  least    agreement",
    "logits                    0.123          0.456     2            0.00100     0.99910       0.99000  98.8 %",
    "best (2 rows not finite)  3.00                     0            0                                  100.0 %",
    "  logits, row 17 of a.parquet, value 3: 0.32 instead of 0.01",
  ]);
  expect(precisionText("int8", { ...REPORT, failedRows: 3 })).toContain("256 rows, 3 of which failed");
  expect(precisionText("int8", { ...REPORT, rows: 0 })).not.toContain("\n");
});
