import { isAbsolute } from "node:path";
import * as z from "zod";
import { asDigest } from "../core/digest.ts";
import { type Problem, ShardmillError } from "../core/errors.ts";
import { decodeDocument } from "../core/utf8.ts";
import {
  DATASET_FORMATS,
  type InputFile,
  PARTITION_TYPES,
  type PartitionValue,
  TABLE_FORMATS,
} from "../domain/dataset.ts";
import { DEVICES } from "../domain/device.ts";
import { fileSpecs } from "../domain/features.ts";
import type { DeviceCheckSpec, JobDescription } from "../domain/job.ts";
import { asJobId } from "../domain/job-id.ts";
import { CHECK_SCHEMA, JOB_FILE_SCHEMA, type JobSpec } from "../domain/job-spec.ts";
import type { JobStores } from "../domain/job-stores.ts";
import { isAddress } from "../domain/location.ts";
import { isInsideLocation } from "../domain/model-location.ts";
import { isPartitionValue } from "../domain/partition.ts";
import { PRECISIONS } from "../domain/precision.ts";
import type { RowShape } from "../domain/row-shape.ts";
import { COMPRESSIONS } from "../domain/rows-form.ts";
import { STORE_SPEC } from "../domain/store-spec.ts";
import { ELEMENT_TYPES } from "../domain/tensor.ts";
import { SOURCE_BINDING_SCHEMA } from "../input-sources/source-schemas.ts";
import { OP_BINDING_SCHEMA } from "../output-ops/op-schemas.ts";
import { count, dtype, field, location } from "./codec-fields.ts";
import { flatFeatures, moduleReduction, stepBinding } from "./codec-steps.ts";
import { TEXT_INDEX_SCHEMA } from "./text-index.ts";

/** Here, and not where the type is: whatever opens a storage would load Zod with it. */
const JOB_STORES_SCHEMA: z.ZodType<JobStores> = z.object({
  settings: z.record(z.string(), STORE_SPEC),
  addresses: z.record(z.string(), z.string()),
  isGuarded: z.boolean(),
  allowed: z.array(z.string()).exactOptional(),
});

/*
 * Two values travel as JSON inside the protocol: the job spec to the coordinator, and the description of a
 * job to its workers. They belong to the job, not to the protocol, and grow with the job file. Both are
 * checked on arrival.
 */

/** The value as JSON text in UTF-8. */
export function encodeJson(value: JobSpec | JobDescription): Buffer {
  return Buffer.from(JSON.stringify(value, flatFeatures), "utf8");
}

/**
 * The checked job spec that a client sent. A spec is a valid job file, so the job file's schema checks it.
 *
 * @throws {SPEC_INVALID} with all problems when it is not one, or has a relative path
 */
export function decodeJobSpec(bytes: Uint8Array): JobSpec {
  const parsed = JOB_FILE_SCHEMA.safeParse(parseJson(bytes));
  if (!parsed.success) throw invalidSpec(parsed.error.issues.map(problemOf));
  const { name, ...rest } = parsed.data;
  if (name === undefined) throw invalidSpec([{ where: "name", what: "is missing" }]);
  const folders = Object.values(rest.map.inputs).flatMap((input) =>
    fileSpecs(input).map(([, files]) => files.folder),
  );
  const mayBeElsewhere = [...rest.input.path, rest.output.path, rest.model.path, ...folders];
  const places = mayBeElsewhere.filter((path) => !isAddress(path));
  const certificates = Object.values(rest.stores).flatMap(({ ca }) => ca ?? []);
  const work = rest.work?.path === undefined ? [] : [rest.work.path];
  const paths = [...places, ...certificates, ...work];
  const relative = paths.filter((path) => !isAbsolute(path));
  if (relative.length > 0) {
    const hint = "submit resolves paths against the job file's folder";
    throw invalidSpec(relative.map((path) => ({ where: path, what: "is not an absolute path", hint })));
  }
  return { name, ...rest };
}

/** @throws {RPC_FAILED} when the coordinator sent something else than a job description */
export function decodeJobDescription(bytes: Uint8Array): JobDescription {
  const parsed = jobDescription.safeParse(parseJson(bytes));
  if (parsed.success) return parsed.data;
  throw new ShardmillError("RPC_FAILED", "the coordinator's description of the job is not understood", {
    problems: parsed.error.issues.map(problemOf),
    hint: "run the same version of shardmill on the coordinator and on its workers",
  });
}

/** More stretches of rows than any sample has. */
const MAX_STRETCHES = 100_000;

const dims = z.array(z.union([z.number(), z.string()]));
const elementType = z.enum(ELEMENT_TYPES);
const classes = z.array(z.string()).exactOptional();
const tensorInfo = z.object({ name: z.string(), dtype: elementType, dims, classes });

/** What inputs and outputs have in common. */
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
  z.object({ kind: z.literal("none") }),
]);

const mapBinding = z.object({
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
  text: TEXT_INDEX_SCHEMA.exactOptional(),
  partitions: z.array(partitionValue).exactOptional(),
});

const deviceCheck: z.ZodType<DeviceCheckSpec> = z.object({
  precision: z.enum(PRECISIONS),
  check: CHECK_SCHEMA,
  sample: z.array(z.object({ file: inputFile, rowStart: count, rowEnd: count })).max(MAX_STRETCHES),
});

const jobDescription: z.ZodType<JobDescription> = z.object({
  jobId: z.string().min(1).transform(asJobId),
  name: z.string(),
  model: z.object({
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
  }),
  device: z.enum(DEVICES),
  map: mapBinding,
  deviceCheck: deviceCheck.nullable(),
  stores: JOB_STORES_SCHEMA,
  rowsInput: count,
  batchRows: z.union([z.literal("auto"), z.int().min(1)]),
  batchTokens: z.union([z.literal("auto"), z.int().min(1)]),
  rowsFormat: z.enum([...TABLE_FORMATS, "none"]),
  rowsForm: z.object({
    compression: z.enum(COMPRESSIONS).nullable(),
    rowGroupRows: z.int().min(1).nullable(),
    sort: z.array(z.object({ column: z.string(), order: z.enum(["ascending", "descending"]) })),
  }),
  reduce: z.record(
    z.string(),
    z.object({
      combine: z.string().exactOptional(),
      final: z.string().exactOptional(),
      module: z.string().exactOptional(),
    }),
  ),
  reductions: z.record(z.string(), moduleReduction),
  partialsPath: location,
  beacon: z.object({ path: location, content: z.string() }),
});

function parseJson(bytes: Uint8Array): unknown {
  try {
    return JSON.parse(decodeDocument(bytes));
  } catch {
    return undefined;
  }
}

function problemOf(issue: z.core.$ZodIssue): Problem {
  return { where: issue.path.map(String).join("."), what: issue.message };
}

function invalidSpec(problems: readonly Problem[]): ShardmillError {
  return new ShardmillError("SPEC_INVALID", "the submitted job spec is not valid", {
    problems,
    hint: "submit a job file with the same version of shardmill as the coordinator's",
  });
}
