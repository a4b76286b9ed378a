import * as z from "zod";
import type { Frozen } from "../core/frozen.ts";
import { parseBytes } from "../core/units.ts";
import { ZOD } from "../core/zod.ts";
import { columnName, MAX_NAMES } from "../input-sources/input-source.ts";
import { SOURCE_KEYS } from "../input-sources/source-schemas.ts";
import { OP_KEYS } from "../output-ops/op-schemas.ts";
import { OP_KINDS, OUTPUT_OPS } from "../output-ops/output-ops.ts";
import { FEATURES, FILE_KEYS, INPUTS, STEPS } from "./features.ts";
import {
  checkColumnClashes,
  checkInputRules,
  checkOutputRules,
  checkStates,
  checkStepRules,
  placeRule,
  refuse,
} from "./job-rules.ts";
import { notAFolderPlace } from "./location.ts";
import { filePlace, MODEL_SPEC } from "./model-spec.ts";

/** Larger numbers are typing errors: no batch or row of this size would fit in memory. */
const MAX_BATCH_ROWS = 1_048_576;
const MAX_BATCH_TOKENS = 1_073_741_824;
const MAX_DIM = 134_217_728;
const MAX_RANK = 8;

/** Limit of `maxBytes`. A list of more values has no Arrow offsets together with another one. */
const MOST_VALUE_BYTES = 1 << 30;

const COLUMN_NAME = columnName(ZOD);
const auto = z.literal("auto");
const size = z.int().min(1).max(MAX_DIM);
const shape = z.array(size).max(MAX_RANK);
const batchAxis = z.int().min(0).max(MAX_RANK);

const PARTS: Parameters<(typeof FEATURES)[number]["spec"]>[1] = {
  folder: z.string().min(1).superRefine(placeRule(notAFolderPlace)).default("."),
  maxBytes: z
    .string()
    .max(20)
    .superRefine((text, context) => {
      const bytes = parseBytes(text);
      if (bytes !== null && bytes >= 1 && bytes <= MOST_VALUE_BYTES) return;
      refuse(context, [], "is not a size of a value", { expected: "from `1B` to `1GiB`, as in `32MiB`" });
    })
    .meta({ title: "a size, as in `32MiB`" })
    .default("128MiB")
    .describe(
      "Limit of the value that a row gets. A row with a larger one is a dead letter. Default: `128MiB`.",
    ),
  file: filePlace,
  fileKeys: FILE_KEYS,
  refuse,
};

/** Keys of extensions. The compiler knows none of them: `fileSpecs` and `stepValue` read them. */
const FEATURE_KEYS: object = Object.fromEntries(
  FEATURES.map(({ key, spec, says }) => [key, spec(ZOD, PARTS).exactOptional().describe(says)]),
);
const INPUT_KEYS: object = Object.assign({}, ...INPUTS.map(({ keys }) => keys(ZOD, PARTS)));
const STEP_KEYS: object = Object.fromEntries(
  STEPS.map(({ key, spec, says }) => [key, spec(ZOD, PARTS).exactOptional().describe(says)]),
);

const inputSpec = z
  .strictObject({
    ...SOURCE_KEYS,
    ...FEATURE_KEYS,
    ...INPUT_KEYS,
    scale: z
      .number()
      .default(1)
      .describe("Values are multiplied by this: value * scale + offset, in float64."),
    offset: z.number().default(0).describe("Added after `scale`."),
    shape: z
      .array(z.int().min(0).max(MAX_DIM))
      .max(MAX_RANK)
      .exactOptional()
      .describe(
        "The dimensions beside the batch, where the model leaves them open: `[3, 224, 224]`. With `value`, a dimension " +
          "may be 0: an empty cache is `{ value: 0, shape: [12, 0, 64] }`.",
      ),
    batchAxis: batchAxis
      .exactOptional()
      .describe(
        "Which of the ONNX input's dimensions is the batch, counted from 0: 1 for `[2, batch, 128]`. Default: the first.",
      ),
    fill: z
      .union([z.number(), z.string()])
      .exactOptional()
      .describe(
        "Replaces a null, before `scale`: a number, `NaN` (a missing value, for trees), or a text where the model " +
          "takes texts. Default: none, so a row with a null is a dead letter.",
      ),
    pad: z
      .number()
      .exactOptional()
      .describe(
        "Where rows are lists of uneven length: value of the positions that a row lacks, as the model sees it (1 for " +
          "RoBERTa's ids). Default: 0, or no padding at all when the model gets no mask.",
      ),
  })
  .superRefine(checkInputRules)
  .superRefine((input, context) => {
    for (const part of INPUTS) part.check(input, context, PARTS);
  });

const stateSpec = z.strictObject({
  output: COLUMN_NAME.describe("The ONNX output that it gets, from the previous part of the same row."),
  shape: shape
    .exactOptional()
    .describe("The dimensions beside the batch, where the model leaves them open: `[2, 128]`."),
  batchAxis: batchAxis
    .exactOptional()
    .describe(
      "Which of the dimensions is the batch, counted from 0. Default: the one with the same name as the batch of the model's " +
        "other inputs, or the only possible one.",
    ),
});

const outputKeys = {
  tensor: COLUMN_NAME.exactOptional().describe("The ONNX output. Default: the model's only output."),
  op: z
    .enum(OP_KINDS)
    .exactOptional()
    .describe(
      `${OUTPUT_OPS.map(({ kind, summary }) => `\`${kind}\`: ${summary}`).join("; ")}. Default: \`pool\` for ` +
        "`last_hidden_state` or `token_embeddings` where the model's folder says how these are pooled, else `raw`.",
    ),
  ...OP_KEYS,
  shape: z
    .array(z.union([size, COLUMN_NAME]))
    .max(MAX_RANK)
    .exactOptional()
    .describe(
      "The dimensions beside the batch, where the model leaves them open. A name is a size that differs by row: " +
        "`[time, 8210]`. See [rows of different shape](#rows-of-different-shape).",
    ),
  lengths: COLUMN_NAME.exactOptional().describe(
    "ONNX output with the length of each row, in the first dimension beside the batch. The column is a list of this length. " +
      "See [rows of different shape](#rows-of-different-shape).",
  ),
  batchAxis: z
    .union([batchAxis, z.literal("none")])
    .exactOptional()
    .describe(
      "Which of the ONNX output's dimensions is the batch, counted from 0: 1 for `[32, batch, 10]`. It applies " +
        "whatever size the model declares there. `none`: the output is one row, so rows run one by one. Default: the first.",
    ),
};

const outputSpec = z.strictObject(outputKeys).superRefine(checkOutputRules);

/** Output in a list, which names its own column. */
const namedOutput = z
  .strictObject({ column: COLUMN_NAME.describe("The output column."), ...outputKeys })
  .superRefine(checkOutputRules);

const stepSpec = z
  .strictObject({
    sql: z
      .string()
      .min(1)
      .max(1_000_000)
      .exactOptional()
      .describe(
        "A SELECT over `rows` (DuckDB) that makes each result from one row: new columns, fewer rows (`WHERE`), or several " +
          "rows from one (`unnest`).",
      ),
    ...STEP_KEYS,
  })
  .superRefine(checkStepRules);

/** More steps are a template's mistake. */
const MAX_STEPS = 100;

const mapKeys = {
  prepare: z
    .array(stepSpec)
    .max(MAX_STEPS)
    .default([])
    .describe(
      "Steps on the rows before they become tensors, in order. `inputs` and `keep` name the columns that the last step " +
        "returns. See [steps](#steps).",
    ),
  inputs: z
    .record(
      COLUMN_NAME,
      z.union([
        COLUMN_NAME.transform((column): z.input<typeof inputSpec> => ({ column })).pipe(inputSpec),
        inputSpec,
      ]),
    )
    .prefault({})
    .describe(
      "By ONNX input: how it is made. Default for an input: the column of the same name. `x: pixels` is short " +
        "for `x: { column: pixels }`.",
    ),
  state: z
    .record(
      COLUMN_NAME,
      z.union([
        COLUMN_NAME.transform((output): z.input<typeof stateSpec> => ({ output })).pipe(stateSpec),
        stateSpec,
      ]),
    )
    .exactOptional()
    .describe(
      "By ONNX input: the output that it gets from the previous part of the same row, such as the previous window. A row's " +
        "first part gets zeros. `h: hn` is short for `h: { output: hn }`. See [state](#state).",
    ),
  outputs: z
    .union([
      z
        .record(
          COLUMN_NAME,
          z.union([
            COLUMN_NAME.transform((tensor): z.input<typeof outputSpec> => ({ tensor })).pipe(outputSpec),
            outputSpec,
          ]),
        )
        .transform((byColumn): z.output<typeof namedOutput>[] =>
          Object.entries(byColumn).map(([column, output]) => ({ column, ...output })),
        ),
      z.array(namedOutput).max(MAX_NAMES),
    ])
    .prefault({})
    .describe(
      "By output column, in order: how it is made. Empty: every ONNX output, raw. `y: logits` is short for " +
        "`y: { tensor: logits }`. A list of such entries, each with its `column`, has the same meaning.",
    ),
  keep: z
    .array(COLUMN_NAME)
    .max(MAX_NAMES)
    .default([])
    .describe("Columns that are copied to the output unchanged."),
  finish: z
    .array(stepSpec)
    .max(MAX_STEPS)
    .default([])
    .describe(
      "Steps on the kept columns and the outputs before they are written, in order. See [steps](#steps).",
    ),
  batch: z
    .strictObject({
      rows: z
        .union([auto, z.int().min(1).max(MAX_BATCH_ROWS)])
        .default("auto")
        .describe("Rows in one run of the model. `auto`: found by measuring."),
      tokens: z
        .union([auto, z.int().min(1).max(MAX_BATCH_TOKENS)])
        .default("auto")
        .describe(
          "Where rows are lists of uneven length: rows x positions in one run of the model, padding included. Inputs of " +
            "independent lengths count together. A longer row runs alone. `auto`: found by measuring.",
        ),
    })
    .prefault({})
    .describe("How rows are batched for the model."),
};

/** Limit of stages. Each has its own lanes on each worker. */
const MAX_STAGES = 16;

/** Stage of a job with several models. */
const stageSpec = z
  .strictObject({
    name: z
      .string()
      .max(100)
      .regex(/^[A-Za-z0-9][A-Za-z0-9._-]*$/)
      .exactOptional()
      .describe("The name of the stage in messages and in the plan. Default: its number, from 1."),
    model: MODEL_SPEC.describe("The model of the stage."),
    ...mapKeys,
  })
  .superRefine(checkColumnClashes, { when: () => true })
  .superRefine(checkStates);

/** Schema of `map` in the job file. */
export const mapSpec = z
  .strictObject({
    stages: z
      .array(stageSpec)
      .min(1)
      .max(MAX_STAGES)
      .exactOptional()
      .describe(
        "Several models: the rows of each stage are the input of the next one. Each has the keys of `map`, and `model`. " +
          "See [stages](#stages).",
      ),
    ...mapKeys,
  })
  .superRefine(checkColumnClashes, { when: () => true })
  .superRefine(checkStates);

export type InputSpec = Frozen<z.output<typeof inputSpec>>;
export type StepSpec = Frozen<z.output<typeof stepSpec>>;
export type OutputSpec = Frozen<z.output<typeof outputSpec>>;
