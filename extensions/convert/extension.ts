import type { Extension } from "../../shared/extension/extension.ts";
import { CONVERTER_VERSION, PRECISIONS } from "./spec.ts";

/** Models in another precision, for jobs and as files. */
export const convert: Extension = {
  name: "convert",
  conversion: {
    key: "precision",
    says:
      "`fp16`: weights and what lies between operators as float16; `int8`: MatMul and Gemm with weights as int8, " +
      "activations quantised batch by batch. Converted once, and checked on rows of the job: `model.check.tolerance` is 0.1 for " +
      "`fp16` and 1 for `int8`, and `model.check.maxBeyond` 0.01 for `int8`, where the job says nothing. `original`: as it is.",
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
    says: "Write an ONNX model in another precision, and say what was left alone",
    follows: "workers",
    load: async () => (await import("./command.ts")).convertCommand,
  },
};
