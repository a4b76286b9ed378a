import * as z from "zod";
import { CONVERSION_KEY } from "./conversion.ts";
import { DEVICES } from "./device.ts";
import { placeBy } from "./job-rules.ts";
import { notAFilePlace } from "./location.ts";
import { SHOWN_SCHEMES } from "./store-schemes.ts";

/** File of the job, on the coordinator's machine or at another address. */
export const filePlace = placeBy(notAFilePlace);

/** The check runs on one CPU before any work, so it must stay short. */
const MAX_CHECK_ROWS = 65_536;

const auto = z.literal("auto");

/** Requirements for rows of a converted model or a device. */
export const CHECK_SCHEMA = z.strictObject({
  rows: z
    .int()
    .min(0)
    .max(MAX_CHECK_ROWS)
    .default(256)
    .describe(
      "Number of rows that are compared, from all parts of the input. A converted model is compared with its original, " +
        "and a device other than the CPU with the CPU. 0: no check.",
    ),
  tolerance: z
    .union([auto, z.number().min(0).max(1_000_000)])
    .default("auto")
    .describe(
      "How much a value may differ, relative to the larger of its own size and the root mean square of its output. " +
        "`auto`: 0.001 for a device that computes in float32, 0.1 for devices that round (cuda, tensorrt, coreml). A " +
        "converted model has a limit of its own.",
    ),
  maxBeyond: z
    .union([auto, z.number().min(0).max(1)])
    .default("auto")
    .describe(
      "Share of rows that may have a value beyond `tolerance`. `auto`: 0; a converted model has a limit of its own.",
    ),
  minCosine: z
    .number()
    .min(-1)
    .max(1)
    .default(0.99)
    .describe(
      "Lowest allowed mean cosine similarity between the two models' outputs. It is that of the values of each row. " +
        "Where each row has one value, it is that of the values of all rows.",
    ),
  minAgreement: z
    .number()
    .min(0)
    .max(1)
    .default(0.98)
    .describe(
      "Lowest allowed share of rows with the same greatest value, for outputs of `argmax`, `topK`, `softmax` and " +
        "`maxSoftmax`. For outputs of whole numbers, it is the share of rows with equal values.",
    ),
});

/** Schema of a model in the job file. */
export const MODEL_SPEC = z.strictObject({
  path: filePlace.describe(
    `The ONNX file, or the folder that a model was exported to: relative to the job file, in a bucket (${schemes()}) or on the ` +
      "web. See [the model's folder](#the-models-folder) and [files elsewhere](#files-elsewhere).",
  ),
  file: z
    .string()
    .min(1)
    .max(1_000_000)
    .exactOptional()
    .describe(
      "In a folder: the ONNX file, as in `onnx/model_quantized.onnx`. Default: `model.onnx`, `onnx/model.onnx`, or " +
        "the only ONNX file. Required for a folder on the web.",
    ),
  device: z
    .enum(DEVICES)
    .default("auto")
    .describe("Where the model runs. `auto`: the best device that each worker has."),
  ...CONVERSION_KEY,
  check: CHECK_SCHEMA.prefault({}).describe(
    "A check on rows of the job before work begins: of a converted model, and of every device but the CPU. A check that a " +
      "device has passed with a model is valid for a week.",
  ),
});

function schemes(): string {
  return SHOWN_SCHEMES.map((scheme) => `\`${scheme}\``).join(", ");
}
