import { expect, test } from "vitest";
import { conversionText } from "../../../extensions/convert/conversion-text.ts";

test("the text of a conversion lists what stayed in float32 and what was cut", () => {
  const text = conversionText(
    {
      precision: "fp16",
      nodes: { converted: 1_200, total: 1_201 },
      weights: { tensors: 1, values: 5_000_000 },
      left: [{ op: "Resize", nodes: 1, reason: "its sizes need float32" }],
      warnings: ["2 values were cut"],
    },
    { output: "out.onnx", bytesBefore: 20 << 20, bytesAfter: 10 << 20 },
  );
  expect(text.split("\n")).toEqual([
    "out.onnx: 20.0 MiB became 10.0 MiB",
    "1,200 of 1,201 nodes and 5,000,000 weights in 1 tensor are fp16 now",
    "warning: 2 values were cut",
    "",
    "left in float32  nodes  because",
    "Resize               1  its sizes need float32",
  ]);
});
