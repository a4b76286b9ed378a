import * as z from "zod";
import { asDigest } from "../core/digest.ts";
import type { Frozen } from "../core/frozen.ts";
import { type InputFile, PARTITION_TYPES, type PartitionValue, TABLE_FORMATS } from "../domain/dataset.ts";
import { DEVICES } from "../domain/device.ts";
import { REDUCTIONS } from "../domain/features.ts";
import { DATASET_FORMATS } from "../domain/formats.ts";
import type { ModelFile } from "../domain/job.ts";
import { asJobId } from "../domain/job-id.ts";
import type { JobStores } from "../domain/job-stores.ts";
import type { MapBinding } from "../domain/map-binding.ts";
import { isInsideLocation } from "../domain/model-location.ts";
import { CHECK_SCHEMA } from "../domain/model-spec.ts";
import { ROWS_ENDINGS } from "../domain/output-formats.ts";
import { isPartitionValue } from "../domain/partition.ts";
import type { ReductionSpec } from "../domain/reduce-spec.ts";
import type { ReductionTasks, RowsTasks } from "../domain/reduction-tasks.ts";
import type { RowShape } from "../domain/row-shape.ts";
import { COMPRESSIONS, type RowsForm } from "../domain/rows-form.ts";
import { STORE_SPEC } from "../domain/store-spec.ts";
import { ELEMENT_TYPES } from "../domain/tensor.ts";
import { SOURCE_BINDING_SCHEMA } from "../input-sources/source-schemas.ts";
import { OP_BINDING_SCHEMA } from "../output-ops/op-schemas.ts";
import { count, dtype, field, location } from "./codec-fields.ts";
import { jobTable, reductionBinding, stepBinding, stepFile } from "./codec-steps.ts";
import { FILE_INDEX_SCHEMA } from "./file-index.ts";

/** Schema of `JobStores`. It is apart from the type, because code that opens storages should not load Zod. */
const JOB_STORES_SCHEMA: z.ZodType<JobStores> = z.object({
  settings: z.record(z.string(), STORE_SPEC),
  addresses: z.record(z.string(), z.string()),
  isGuarded: z.boolean(),
  allowed: z.array(z.string()).exactOptional(),
});

/** More ranges than any sample has. */
const MAX_STRETCHES = 100_000;

const dims = z.array(z.union([z.number(), z.string()]));
const elementType = z.enum(ELEMENT_TYPES);
const classes = z.array(z.string()).exactOptional();
const tensorInfo = z.object({ name: z.string(), dtype: elementType, dims, classes });

/** Keys that inputs and outputs share. */
const binding = {
  tensor: z.string(),
  dtype: elementType,
  rowDims: z.array(count),
  rowValues: count,
  batchAxis: count,
};

const rowShape: z.ZodType<RowShape> = z.discriminatedUnion("kind", [
  z.object({ kind: z.literal("even") }),
  z.object({ kind: z.literal("padded"), pad: z.number(), sequence: count }),
  z.object({ kind: z.literal("unpadded"), sequence: count }),
  z.object({ kind: z.literal("pairs"), pad: z.number().nullable(), sequence: count, before: count }),
  z.object({ kind: z.literal("counted"), sequence: count }),
  z.object({ kind: z.literal("none") }),
]);

const mapBinding: z.ZodType<MapBinding> = z.object({
  inputs: z.array(
    z.object({
      ...binding,
      source: SOURCE_BINDING_SCHEMA,
      scale: z.number(),
      offset: z.number(),
      fill: z.union([z.number(), z.string()]).nullable(),
      rowShape,
    }),
  ),
  state: z.array(z.object({ ...binding, dtype, output: z.string() })).exactOptional(),
  outputs: z.array(
    z.object({
      ...binding,
      column: z.string(),
      sequence: count.nullable(),
      open: z.object({ dims: z.array(count.nullable()), lengths: z.string().nullable() }).exactOptional(),
      batchAxis: count.nullable(),
      declaredDims: dims,
      op: OP_BINDING_SCHEMA,
    }),
  ),
  keep: z.array(field),
  columns: z.array(z.string()),
  prepare: z.array(stepBinding),
  finish: z.array(stepBinding),
  fixedBatchRows: count.nullable(),
});

const partitionValue: z.ZodType<PartitionValue> = z
  .object({ name: z.string().min(1), type: z.enum(PARTITION_TYPES), value: z.string().nullable() })
  .refine(isPartitionValue, "is no value of its type");

const inputFile: z.ZodType<InputFile> = z.object({
  path: location,
  format: z.enum(DATASET_FORMATS),
  bytes: count,
  version: z.string(),
  rows: count,
  footerSha256: z.string().transform(asDigest),
  text: FILE_INDEX_SCHEMA.exactOptional(),
  partitions: z.array(partitionValue).exactOptional(),
});

/** Specification of the check of a device other than the CPU. */
const deviceCheck = z.object({
  /** The model is converted, so it rounds more than its original. */
  isConverted: z.boolean(),
  check: CHECK_SCHEMA,
  /** Rows from all over the input. */
  sample: z.array(z.object({ file: inputFile, rowStart: count, rowEnd: count })).max(MAX_STRETCHES),
});

const modelFile: z.ZodType<ModelFile> = z.object({
  path: location,
  bytes: count,
  sha256: z.string().transform(asDigest),
  externalData: z.array(
    z.object({
      // Becomes a path on the worker.
      location: z.string().refine(isInsideLocation),
      path: location,
      bytes: count,
      sha256: z.string().transform(asDigest),
    }),
  ),
  signature: z.object({
    inputs: z.array(tensorInfo),
    outputs: z.array(tensorInfo),
    unusable: z.array(z.object({ name: z.string(), kind: z.string() })),
  }),
});

const rowsForm: z.ZodType<RowsForm> = z.object({
  compression: z.enum(COMPRESSIONS).nullable(),
  rowGroupRows: z.int().min(1).nullable(),
  sort: z.array(z.object({ column: z.string(), order: z.enum(["ascending", "descending"]) })),
});

/** Keys of reductions by programs. The compiler knows none of them: `reductionValue` reads them. */
const PROGRAM_KEYS: object = Object.fromEntries(
  REDUCTIONS.map(({ key }) => [key, z.string().exactOptional()]),
);

const reduction: z.ZodType<ReductionSpec> = z.object({
  combine: z.string().exactOptional(),
  final: z.string().exactOptional(),
  by: z.array(z.string()).exactOptional(),
  ...PROGRAM_KEYS,
});

const reductionTasks: z.ZodType<ReductionTasks> = z.object({
  name: z.string(),
  spec: reduction,
  fields: z.array(field),
  list: stepFile,
});

const rowsTasks: z.ZodType<RowsTasks> = z.object({
  name: z.string(),
  rows: z.object({
    format: z.enum(TABLE_FORMATS),
    ending: z.enum(ROWS_ENDINGS),
    form: rowsForm,
    isSortedAcross: z.boolean(),
    partitionBy: z.array(z.string()),
  }),
  list: stepFile,
});

const batchLimit = z.union([z.literal("auto"), z.int().min(1)]);

/** Stage before the last one. Steps of the kind `model` refer to it by its index. */
const modelStage = z.object({
  name: z.string(),
  model: modelFile,
  /** Inputs and outputs of the model. The steps around it are those of the job. */
  map: mapBinding,
  batchRows: batchLimit,
  batchTokens: batchLimit,
  deviceCheck: deviceCheck.nullable(),
});

/** Description of a job, which a worker gets once: plain JSON. Files come with each lease. */
export const JOB_DESCRIPTION_SCHEMA = z.object({
  jobId: z.string().min(1).transform(asJobId),
  name: z.string(),
  /** Null: the job has none. */
  model: modelFile.nullable(),
  device: z.enum(DEVICES),
  map: mapBinding,
  stores: JOB_STORES_SCHEMA,
  /** Check of each device other than the CPU before its first shard. Null: no check. */
  deviceCheck: deviceCheck.nullable(),
  /** Rows of the whole input. */
  rowsInput: count,
  batchRows: batchLimit,
  /** Limit of rows x positions in a batch of uneven rows, padding included. */
  batchTokens: batchLimit,
  /** Stages before the last one, in order. Default: none. */
  stages: z.array(modelStage).exactOptional(),
  rowsFormat: z.enum(ROWS_ENDINGS),
  rowsForm,
  /** True: partials have a sample of their sorted rows. Default: false. */
  hasSample: z.boolean().exactOptional(),
  /** Columns whose values name folders, in whose order partials have their rows. Default: none. */
  partitionBy: z.array(z.string()).exactOptional(),
  reduce: z.record(z.string(), reduction),
  /** Reductions by programs. */
  reductions: z.record(z.string(), reductionBinding),
  /** True: rows are combined without decoding them (see `whyDecoded`). Earlier coordinators send none. */
  copiesRows: z.boolean().default(false),
  /** Tables of `combine`. Coordinators of earlier versions send none. */
  tables: z.record(z.string(), jobTable).default({}),
  /** Tasks, which are the shards of this job. Null: its shards are input rows. */
  tasks: z.union([reductionTasks, rowsTasks]).nullable().default(null),
  /** Folder for partials, as the coordinator sees it. */
  partialsPath: location,
  /** File with known content in that folder. A worker that can read it shares the coordinator's storage. */
  beacon: z.object({ path: location, content: z.string() }),
});

export type JobDescription = Frozen<z.output<typeof JOB_DESCRIPTION_SCHEMA>>;
export type ModelStage = NonNullable<JobDescription["stages"]>[number];
export type DeviceCheckSpec = Frozen<z.output<typeof deviceCheck>>;
