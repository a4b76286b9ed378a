import type { Extension } from "../../shared/extension/extension.ts";
import { CONVERTER_VERSION, PRECISIONS } from "./spec.ts";

/** Models in another precision, for jobs and as files. */
export const convert: Extension = {
  name: "convert",
  conversion: {
    key: "precision",
    says: "`fp16`: weights and values between operators as float16. `int8`: MatMul and Gemm with weights as int8, and activations quantised batch by batch. The model is converted once, and checked on rows of the job. `model.check.tolerance` then defaults to 0.1 for `fp16` and 1 for `int8`, `model.check.maxBeyond` to 0.01 for `int8`. `original`: no conversion.",
    values: PRECISIONS,
    version: CONVERTER_VERSION,
    faster: { cpu: "int8", other: "fp16" },
    async load() {
      const { convertedModel } = await import("./converted-model.ts");
      const { asPrecision } = await import("./onnx/precision.ts");
      const { checkPrecision } = await import("./check/check-precision.ts");
      return {
        convert: (original, value, signal) => convertedModel(original, asPrecision(value), signal),
        check: checkPrecision,
      };
    },
  },
  command: {
    usage: "convert <model>",
    says: "Convert an ONNX model to another precision, and list what stays in float32",
    follows: "workers",
    load: async () => (await import("./command.ts")).convertCommand,
  },
};
