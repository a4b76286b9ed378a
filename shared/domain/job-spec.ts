import * as z from "zod";
import type { Frozen } from "../core/frozen.ts";
import { MAX_NAMES } from "../input-sources/input-source.ts";
import { BESIDES } from "./besides.ts";
import { CONVERSION_KEY } from "./conversion.ts";
import { DEVICES } from "./device.ts";
import { FORMAT_KEYS, FORMAT_SPEC, TYPES_SPEC } from "./format-spec.ts";
import { checkSomethingIsPublished, placeBy } from "./job-rules.ts";
import { checkNewIsWhole, checkRuns, RUNS_KEY } from "./job-runs.ts";
import { notAnInput, notAnOutput } from "./location.ts";
import { filePlace, mapSpec } from "./map-spec.ts";
import { CHANGED_SPEC, NEW_SPEC } from "./new-input.ts";
import { checkShapeRules, ROWS_KEYS } from "./output-shape.ts";
import { reduceSpec } from "./reduce-spec.ts";
import { ALL_SCHEMES, SHOWN_SCHEMES } from "./store-schemes.ts";
import { STORES_SPEC } from "./store-spec.ts";
import { checkWork, WORK_SPEC } from "./work-spec.ts";

/**
 * Scalars that are short for a group of keys: `image: pixels` means `image: { column: pixels }`. Each entry
 * has the group's path (`*` is any name) and the key that the scalar sets.
 */
export const SHORTHANDS = [
  { group: ["map", "inputs", "*"], key: "column" },
  { group: ["map", "outputs", "*"], key: "tensor" },
  { group: ["reduce", "*"], key: "final" },
  { group: ["input", "sample"], key: "share" },
  { group: ["work"], key: "journal" },
] as const;

/** Key whose texts are glob patterns. Wildcards in texts that are inserted there must be escaped. */
export const PATTERN_KEY = ["input", "path"] as const;

/** Larger numbers are typing errors: no shard of this size would fit in memory. */
const MAX_SHARD_ROWS = 1_000_000_000;
/** Seeds are only hashed, so 32 bits suffice. */
const MAX_SEED = 4_294_967_295;
/** The check runs on one CPU before any work, so it must stay short. */
const MAX_CHECK_ROWS = 65_536;

const text = z.string().min(1).max(1_000_000);
/** Path or address of input. */
const inputPath = placeBy(notAnInput);
/** Folder on the coordinator's machine, or in a bucket. */
const outputPath = placeBy(notAnOutput);
const jobName = z
  .string()
  .max(100)
  .regex(/^[A-Za-z0-9][A-Za-z0-9._-]*$/)
  .meta({ title: "a name of letters, digits, `.`, `_` and `-` that begins with a letter or a digit" });
const auto = z.literal("auto");

/** Requirements for rows of a converted model or a device. */
export const CHECK_SCHEMA = z.strictObject({
  rows: z
    .int()
    .min(0)
    .max(MAX_CHECK_ROWS)
    .default(256)
    .describe(
      "Rows of the input, spread over all of it, that are compared: a converted model with its original, and a device other " +
        "than the CPU with the CPU. 0: no check.",
    ),
  tolerance: z
    .union([auto, z.number().min(0).max(1_000_000)])
    .default("auto")
    .describe(
      "What a value may be off by, relative to the larger of its own size and the root mean square of its output. " +
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
      "Least mean cosine similarity between the two models' outputs: of each row's values, or of all rows' where each has one.",
    ),
  minAgreement: z
    .number()
    .min(0)
    .max(1)
    .default(0.98)
    .describe(
      "Least share of rows with the same greatest value, for outputs of `argmax`, `topK`, `softmax` and `maxSoftmax`; " +
        "with equal values, for outputs of whole numbers.",
    ),
});

/** Rows from all over the input. The input, the share and the seed alone determine them. */
const sampleSpec = z.strictObject({
  share: z
    .number()
    .gt(0)
    .max(1)
    .describe("How many of the input's rows, as a share of them: `0.01` is one in a hundred."),
  seed: z
    .int()
    .min(0)
    .max(MAX_SEED)
    .default(0)
    .describe("Another seed takes other rows; the same one takes the same rows again."),
});

function quoted(texts: readonly string[]): string {
  return texts.map((text) => `\`${text}\``).join(", ");
}

const flag = z.boolean().exactOptional();
/** Keys of files beside the manifest. The compiler knows none of them: `requestedBesides` reads them. */
const BESIDE_KEYS: object = Object.fromEntries(BESIDES.map(({ key, says }) => [key, flag.describe(says)]));

/** Schema of the job file: the source of its types, checks, JSON Schema and reference. */
export const JOB_FILE_SCHEMA = z
  .strictObject({
    name: jobName
      .exactOptional()
      .describe(
        "The job's name in logs and in the manifest. Left out: that of the job file, or of its folder when the file is just `job.yaml`.",
      ),
    input: z
      .strictObject({
        path: z
          .union([inputPath.transform((only) => [only]), z.array(inputPath).min(1).max(MAX_NAMES)])
          .describe(
            `A file, a folder or a glob, or a list of them, relative to the job file, in a bucket (${quoted(SHOWN_SCHEMES)}) or on the web, or a ` +
              "`.txt` list of such names: see [what is input](#what-is-input).",
          ),
        format: FORMAT_SPEC,
        partitions: z
          .enum(["hive", "none"])
          .exactOptional()
          .describe(
            "`hive`: folders `name=value` on the way to the files are columns; `none`: they are not. Left out: they are where " +
              "they can be. See [folders as columns](#folders-as-columns).",
          ),
        ...FORMAT_KEYS,
        types: TYPES_SPEC.exactOptional(),
        where: text
          .exactOptional()
          .describe(
            "SQL (DuckDB): a condition on the columns of a row, as it would stand after WHERE. Rows for which it is not true are left out.",
          ),
        sample: z
          .union([
            z
              .number()
              .transform((share): z.input<typeof sampleSpec> => ({ share }))
              .pipe(sampleSpec),
            sampleSpec,
          ])
          .exactOptional()
          .describe(
            "A part of the input's rows, in a few stretches from all over it; the others are not read. `0.01` is short for " +
              "`share`. See [trial runs](#trial-runs).",
          ),
        limit: z
          .int()
          .min(1)
          .exactOptional()
          .describe(
            "So many rows at most, the first ones of the input (of its `sample`, where there is one); the others are not read.",
          ),
        new: NEW_SPEC.exactOptional(),
        changed: CHANGED_SPEC.exactOptional(),
        shardRows: z
          .union([auto, z.int().min(1).max(MAX_SHARD_ROWS)])
          .default("auto")
          .describe("Rows of a shard, about: of a file, or of small files. `auto`: by their bytes."),
      })
      .superRefine(checkNewIsWhole)
      .describe("The dataset."),
    model: z
      .strictObject({
        path: filePlace.describe(
          `The ONNX file, or the folder that a model was exported to, relative to the job file, in a bucket (${quoted(SHOWN_SCHEMES)}) or on the ` +
            "web: see [the model's folder](#the-models-folder) and [files elsewhere](#files-elsewhere).",
        ),
        file: text
          .exactOptional()
          .describe(
            "In a folder: the ONNX file, as in `onnx/model_quantized.onnx`. Left out: `model.onnx`, `onnx/model.onnx`, or " +
              "the only one. A folder on the web needs it.",
          ),
        device: z
          .enum(DEVICES)
          .default("auto")
          .describe("Where the model runs. `auto`: the best device that each worker has."),
        ...CONVERSION_KEY,
        check: CHECK_SCHEMA.prefault({}).describe(
          "What the job's rows must show before work: of a converted model, and of every device but the CPU. What a " +
            "device has passed once with a model is remembered for a week.",
        ),
      })
      .describe("The model."),
    map: mapSpec.prefault({}).describe("How rows become tensors, and tensors columns."),
    reduce: reduceSpec,
    output: z
      .strictObject({
        path: outputPath.describe(
          `The folder that the result is published to, relative to the job file, or in a bucket (${quoted(ALL_SCHEMES)}): see [output in a ` +
            "bucket](#output-in-a-bucket).",
        ),
        ...ROWS_KEYS,
        ...BESIDE_KEYS,
      })
      .superRefine(checkShapeRules)
      .describe("The result."),
    work: WORK_SPEC.exactOptional().describe(
      "For output in a bucket: where what the coordinator keeps while the job runs is. `work: bucket` is `work: {journal: bucket}`.",
    ),
    errors: z
      .strictObject({
        maxRows: z
          .int()
          .min(0)
          .default(0)
          .describe("Rows that may become dead letters before the job fails."),
      })
      .prefault({})
      .describe("What is forgiven."),
    stores: STORES_SPEC,
    ...RUNS_KEY,
  })
  .superRefine(checkSomethingIsPublished)
  .superRefine(checkWork)
  .superRefine(checkRuns);

/** Job file as users write it. */
export type JobFile = z.input<typeof JOB_FILE_SCHEMA>;

/**
 * Checked job file: defaults applied, shorthands expanded, paths absolute, frozen. It is itself a valid job
 * file.
 */
export type JobSpec = Frozen<z.output<typeof JOB_FILE_SCHEMA> & { name: string }>;
