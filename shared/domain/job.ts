import type { Digest } from "../core/digest.ts";
import type { Dataset, InputFile } from "./dataset.ts";
import type { FileSlice } from "./dataset-rows.ts";
import type { JobId } from "./job-id.ts";
import type { JobSpec } from "./job-spec.ts";
import type { JobStores } from "./job-stores.ts";
import type { LeftOut } from "./left-out.ts";
import type { Location } from "./location.ts";
import type { MapBinding } from "./map-binding.ts";
import type { ModelFolder } from "./model-folder.ts";
import type { Partitions } from "./partition.ts";
import type { ReductionBindings } from "./reduction-binding.ts";
import type { Shard } from "./shard.ts";
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

/** A file in the model's folder that holds tensors of it. */
export interface ModelDataFile {
  /** As the model names it, from its own folder. */
  readonly location: string;
  /** Absolute, as the coordinator sees it. */
  readonly path: Location;
  readonly bytes: number;
  readonly sha256: Digest;
}

/** A model's own file, and those that it keeps tensors in: all that it is known by. */
export interface ModelFiles {
  /** Absolute, as the coordinator sees it. */
  readonly path: Location;
  readonly bytes: number;
  /** Of this file alone: see `modelDigest`. */
  readonly sha256: Digest;
  readonly externalData: readonly ModelDataFile[];
}

export interface ModelFile extends ModelFiles {
  readonly signature: ModelSignature;
}

/** Everything that planning finds out and checks before any work: the input of the sealed run. */
export interface PlannedJob {
  readonly spec: JobSpec;
  readonly stores: JobStores;
  readonly dataset: Dataset;
  /** What lies beside the dataset's files, and is none of them. */
  readonly leftOut: readonly LeftOut[];
  /** The text files of which some records are not in their encoding. */
  readonly undecoded: readonly UndecodedFile[];
  readonly partitions: Partitions;
  /** What workers run. */
  readonly model: ModelFile;
  /** Where the model was fetched from; null for one of the coordinator's own machine. */
  readonly modelFrom: Location | null;
  /** The folder that the job names for its model; null where it names a file. */
  readonly folder: ModelFolder | null;
  /** The model that the job names, where `model` was made from it; null where it is that model itself. */
  readonly converted: { readonly original: ModelFile; readonly warnings: readonly string[] } | null;
  readonly map: MapBinding;
  /** Those by programs. */
  readonly reductions: ReductionBindings;
  /** Of the programs whose files have types. */
  readonly typeChecks: readonly TypeCheck[];
  /**
   * Rows of the dataset that are in no shard: none of them can fulfil `input.where`, by what the files say of
   * them.
   */
  readonly pruned: readonly FileSlice[];
  /** Other rows of it that are in no shard: `input.sample` and `input.limit` leave them out. */
  readonly skipped: readonly FileSlice[];
  readonly shards: readonly Shard[];
  readonly digests: JobDigests;
}

/** What must be equal for a resume to be the same job. */
export interface JobDigests {
  readonly spec: Digest;
  readonly input: Digest;
  readonly model: Digest;
}

/** A worker's right to work on a shard until a deadline that it renews. */
export interface Lease {
  readonly jobId: JobId;
  readonly token: Token;
  readonly shard: Shard;
  /** The shard's rows, file by file, in order; at least one. */
  readonly slices: readonly LeaseSlice[];
  readonly leaseMs: number;
  /** Within which span its attempt is, see `Span.traceparent`; empty where the coordinator traces nothing. */
  readonly traceparent: string;
}

/** Rows `[rowStart, rowEnd)` of one input file. */
export interface LeaseSlice {
  readonly file: InputFile;
  readonly rowStart: number;
  readonly rowEnd: number;
}
