import type { Digest } from "../core/digest.ts";
import type { Dataset, InputFile, PinnedTable } from "./dataset.ts";
import type { FileSlice } from "./dataset-rows.ts";
import type { JobId } from "./job-id.ts";
import type { JobSpec } from "./job-spec.ts";
import type { JobStores } from "./job-stores.ts";
import type { JobTables } from "./job-tables.ts";
import type { Location } from "./location.ts";
import type { MapBinding } from "./map-binding.ts";
import type { ModelFolder } from "./model-folder.ts";
import type { Partitions } from "./partition.ts";
import type { ReductionBindings } from "./reduction-binding.ts";
import type { Shard } from "./shard.ts";
import type { SkippedFiles } from "./skipped-files.ts";
import type { ModelSignature } from "./tensor.ts";
import type { Token } from "./token.ts";
import type { TypeCheck } from "./type-check.ts";
import type { UndecodedFile } from "./undecoded.ts";

export const JOB_PHASES = [
  "planning",
  "running",
  "reducing",
  "publishing",
  "published",
  "failed",
  "cancelled",
] as const;
export type JobPhase = (typeof JOB_PHASES)[number];

export function isEnded(phase: JobPhase): boolean {
  return phase === "published" || phase === "failed" || phase === "cancelled";
}

/** File in the model's folder that holds some of its tensors. */
export interface ModelDataFile {
  /** Relative path from the model's folder, as in the model. */
  readonly location: string;
  /** Absolute path, as the coordinator sees it. */
  readonly path: Location;
  readonly bytes: number;
  readonly sha256: Digest;
}

/** Model file and its external data. Together they identify the model. */
export interface ModelFiles {
  /** Absolute path, as the coordinator sees it. */
  readonly path: Location;
  readonly bytes: number;
  /** sha256 of this file alone: see `modelDigest`. */
  readonly sha256: Digest;
  readonly externalData: readonly ModelDataFile[];
}

export interface ModelFile extends ModelFiles {
  readonly signature: ModelSignature;
}

/** Model of a job, or of one of its stages. */
export interface PlannedModel {
  /** Model that workers run. Null: the job has none. */
  readonly model: ModelFile | null;
  /** Location that the model was fetched from. Null: the coordinator's own disk. */
  readonly modelFrom: Location | null;
  /** Folder that the job names for its model. Null: the job names a file. */
  readonly folder: ModelFolder | null;
  /** Original model that the job names, if `model` was converted from it. Null: `model` is the original. */
  readonly converted: { readonly original: ModelFile; readonly warnings: readonly string[] } | null;
}

/** Stage before the last one. */
export interface PlannedStage extends PlannedModel {
  readonly name: string;
  /** Key path in the job file. */
  readonly place: string;
  readonly model: ModelFile;
  /** Inputs and outputs of the model. The steps around it are in the job's map. */
  readonly map: MapBinding;
}

/** Result of planning, before any work: the input of the sealed run. The model is that of the last stage. */
export interface PlannedJob extends PlannedModel {
  readonly spec: JobSpec;
  readonly stores: JobStores;
  readonly dataset: Dataset;
  /** Versions of the lake tables among the input. */
  readonly pins: readonly PinnedTable[];
  /** Entries beside the dataset's files that are not inputs. */
  readonly skippedFiles: readonly SkippedFiles[];
  /** Text files with records that are not UTF-8. */
  readonly undecoded: readonly UndecodedFile[];
  readonly partitions: Partitions;
  /** Stages before the last one. Empty: the job has one model, or none. */
  readonly stages: readonly PlannedStage[];
  readonly map: MapBinding;
  /** Reductions by programs. */
  readonly reductions: ReductionBindings;
  readonly tables: JobTables;
  /** Outcomes for the programs that have types. */
  readonly typeChecks: readonly TypeCheck[];
  /** Rows in no shard, because the files' statistics show that `input.where` excludes them. */
  readonly pruned: readonly FileSlice[];
  /** Other rows in no shard, because `input.sample` or `input.limit` skips them. */
  readonly skipped: readonly FileSlice[];
  readonly shards: readonly Shard[];
  readonly digests: JobDigests;
}

/** Digests that must be equal for a resume. */
export interface JobDigests {
  readonly spec: Digest;
  readonly input: Digest;
  /** See `modelDigest`. */
  readonly model: Digest;
}

/** Right of a worker to work on a shard until a deadline that the worker renews. */
export interface Lease {
  readonly jobId: JobId;
  readonly token: Token;
  readonly shard: Shard;
  /** Rows of the shard as slices of files, in order. At least one slice. */
  readonly slices: readonly LeaseSlice[];
  readonly leaseMs: number;
  /** Trace context of the attempt's span, see `Span.traceparent`. Empty: the coordinator does not trace. */
  readonly traceparent: string;
  /** Workers that share limits of the job, with this one: see `StepKind.waits`. 0: unknown. */
  readonly workers: number;
}

/** Rows `[rowStart, rowEnd)` of one input file. */
export interface LeaseSlice {
  readonly file: InputFile;
  readonly rowStart: number;
  readonly rowEnd: number;
}
