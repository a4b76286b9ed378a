import * as z from "zod";
import type { Frozen } from "../core/frozen.ts";
import { MAX_NAMES } from "../input-sources/input-source.ts";
import { FORMAT_KEYS, FORMAT_SPEC, TYPES_SPEC } from "./format-spec.ts";
import { checkModelKeys, checkSomethingIsPublished, checkStages, placeBy } from "./job-rules.ts";
import { checkNewIsWhole, checkRuns, RUNS_KEY } from "./job-runs.ts";
import { notAnInput, notAnOutput } from "./location.ts";
import { mapSpec } from "./map-spec.ts";
import { MODEL_SPEC } from "./model-spec.ts";
import { checkShapeRules, ROWS_KEYS } from "./output-shape.ts";
import { reduceSpec } from "./reduce-spec.ts";
import { SIDECARS } from "./sidecars.ts";
import { ALL_SCHEMES, SHOWN_SCHEMES } from "./store-schemes.ts";
import { STORES_SPEC } from "./store-spec.ts";
import { TABLES_SPEC } from "./tables-spec.ts";
import { checkWork, WORK_SPEC } from "./work-spec.ts";

/** Schema of `input.new`. */
const NEW_SPEC = z
  .boolean()
  .describe(
    "`true`: each run reads the files that no published run has read, by location, size and version. It publishes to a folder " +
      "of its own: `output.path/run=000001/`, and so on. See [only what is new](#only-what-is-new).",
  );

/** Schema of `input.changed`. */
const CHANGED_SPEC = z
  .enum(["again", "ignore", "error"])
  .describe(
    "With `new`: what happens if a file has changed since a run read it. `again`: it is read again, whole. `ignore`: it is not " +
      "read again. `error`: no run begins. Default: `again`.",
  );

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

/** Rows from all over the input. The input, the share and the seed alone determine them. */
const sampleSpec = z.strictObject({
  share: z.number().gt(0).max(1).describe("Share of the input's rows: `0.01` is one in a hundred."),
  seed: z
    .int()
    .min(0)
    .max(MAX_SEED)
    .default(0)
    .describe("Another seed takes other rows. The same seed takes the same rows again."),
});

function quoted(texts: readonly string[]): string {
  return texts.map((text) => `\`${text}\``).join(", ");
}

const flag = z.boolean().exactOptional();
/** Keys of files beside the manifest. The compiler knows none of them: `requestedBesides` reads them. */
const SIDECAR_KEYS: object = Object.fromEntries(SIDECARS.map(({ key, says }) => [key, flag.describe(says)]));

/** Schema of the job file: the source of its types, checks, JSON Schema and reference. */
export const JOB_FILE_SCHEMA = z
  .strictObject({
    name: jobName
      .exactOptional()
      .describe(
        "The job's name in logs and in the manifest. Default: the name of the job file, or of its folder when the file is just `job.yaml`.",
      ),
    input: z
      .strictObject({
        path: z
          .union([inputPath.transform((only) => [only]), z.array(inputPath).min(1).max(MAX_NAMES)])
          .describe(
            `A file, a folder or a glob, or a list of them: relative to the job file, in a bucket (${quoted(SHOWN_SCHEMES)}) or on the web. ` +
              "A `.txt` file can list such names, too. See [what is input](#what-is-input).",
          ),
        format: FORMAT_SPEC,
        partitions: z
          .enum(["hive", "none"])
          .exactOptional()
          .describe(
            "`hive`: folders `name=value` on the way to the files are columns. `none`: they are not. Default: they are columns " +
              "where that is possible. See [folders as columns](#folders-as-columns).",
          ),
        ...FORMAT_KEYS,
        types: TYPES_SPEC.exactOptional(),
        where: text
          .exactOptional()
          .describe(
            "SQL (DuckDB): a condition on the columns of a row, as after WHERE. Rows for which it is not true are skipped.",
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
            "A part of the input's rows, in a few ranges from all parts of the input. The other rows are not read. " +
              "`0.01` is short for `{ share: 0.01 }`. See [trial runs](#trial-runs).",
          ),
        limit: z
          .int()
          .min(1)
          .exactOptional()
          .describe(
            "At most this many rows: the first of the input, or of its `sample`. The other rows are not read.",
          ),
        new: NEW_SPEC.exactOptional(),
        changed: CHANGED_SPEC.exactOptional(),
        shardRows: z
          .union([auto, z.int().min(1).max(MAX_SHARD_ROWS)])
          .default("auto")
          .describe(
            "Approximate number of rows of a shard, from one file or from several small files. `auto`: by their bytes.",
          ),
      })
      .superRefine(checkNewIsWhole)
      .describe("The dataset."),
    model: MODEL_SPEC.exactOptional().describe(
      "The model. Without this key, rows pass the steps of `map` only. See [jobs without a model](#jobs-without-a-model).",
    ),
    map: mapSpec.prefault({}).describe("How rows become tensors, and tensors columns."),
    reduce: reduceSpec,
    tables: TABLES_SPEC.exactOptional(),
    output: z
      .strictObject({
        path: outputPath.describe(
          `The folder that the result is published to, relative to the job file, or in a bucket (${quoted(ALL_SCHEMES)}). See [output in a ` +
            "bucket](#output-in-a-bucket).",
        ),
        ...ROWS_KEYS,
        ...SIDECAR_KEYS,
      })
      .superRefine(checkShapeRules)
      .describe("The result."),
    work: WORK_SPEC.exactOptional().describe(
      "For output in a bucket: where the coordinator keeps its data while the job runs. `work: bucket` is short for `work: { journal: bucket }`.",
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
      .describe("Errors that the job tolerates."),
    stores: STORES_SPEC,
    ...RUNS_KEY,
  })
  .superRefine(checkSomethingIsPublished)
  .superRefine(checkModelKeys)
  .superRefine(checkStages)
  .superRefine(checkWork)
  .superRefine(checkRuns);

/** Job file as users write it. */
export type JobFile = z.input<typeof JOB_FILE_SCHEMA>;

/**
 * Checked job file: defaults applied, shorthands expanded, paths absolute, frozen. It is itself a valid job
 * file.
 */
export type JobSpec = Frozen<z.output<typeof JOB_FILE_SCHEMA> & { name: string }>;
