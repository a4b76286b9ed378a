import type { PlannedJob } from "../shared/domain/job.ts";
import { JOB_FILE_SCHEMA, type JobSpec } from "../shared/domain/job-spec.ts";
import { type Shard, shardId } from "../shared/domain/shard.ts";
import { specDigest } from "../shared/job-file/spec-digest.ts";
import type { SeededRandom } from "./seeded-random.ts";

/** A small job: every row has a place in the input, and nothing else about it matters. */
export interface SimJob {
  readonly spec: JobSpec;
  readonly planned: PlannedJob;
  /** Where it publishes. */
  readonly out: string;
  /** Where its input is: no two jobs share any. */
  readonly data: string;
  /** Rows that cannot be mapped: dead letters. */
  readonly failing: ReadonlySet<string>;
  /** Rows that kill the worker that maps them. */
  readonly poison: ReadonlySet<string>;
}

/** `path:row`: what a row is known by. */
export function rowName(path: string, row: number): string {
  return `${path}:${row}`;
}

function inputPath(data: string, file: number): string {
  return `${data}/part-${file}.parquet`;
}

export interface SimJobOptions {
  readonly failingRows: boolean;
  readonly poisonRows: boolean;
  /** Of several jobs, from 0 on. */
  readonly place: number;
}

export function makeSimJob(random: SeededRandom, options: SimJobOptions): SimJob {
  const suffix = options.place === 0 ? "" : `-${options.place + 1}`;
  const [out, data] = [`/out${suffix}`, `/data${suffix}`];
  const fileRows = Array.from({ length: random.int(1, 2) }, () => random.int(2, 12));
  const failing = new Set<string>();
  const poison = new Set<string>();
  for (const [file, rows] of fileRows.entries()) {
    for (let row = 0; row < rows; row += 1) {
      const name = rowName(inputPath(data, file), row);
      if (options.failingRows && random.chance(0.1)) failing.add(name);
      if (options.poisonRows && poison.size === 0 && random.chance(0.15)) poison.add(name);
    }
  }
  const bad = new Set([...failing, ...poison]).size;
  const maxRows = random.chance(0.3) ? random.int(0, bad) : bad + random.int(0, 3);
  const spec = makeSpec(random, { maxRows, out, data, name: `sim${suffix}` });
  return { spec, planned: plan(spec, data, fileRows, random.int(2, 5)), out, data, failing, poison };
}

function makeSpec(
  random: SeededRandom,
  {
    maxRows,
    out,
    data,
    name,
  }: Pick<SimJob, "out" | "data"> & { readonly maxRows: number; readonly name: string },
): JobSpec {
  const file = {
    name,
    input: { path: `${data}/*.parquet` },
    model: { path: "/model.onnx" },
    map: { outputs: { y: { tensor: "y" } } },
    reduce: {
      sums: random.chance(0.6) ? { combine: "SELECT 1", final: "SELECT 1" } : { final: "SELECT 1" },
    },
    output: { path: out, rows: "parquet" as const },
    errors: { maxRows },
  };
  return { ...JOB_FILE_SCHEMA.parse(file), name };
}

/** Shards go over the ends of files. */
function plan(spec: JobSpec, data: string, fileRows: readonly number[], shardRows: number): PlannedJob {
  const shards: Shard[] = [];
  const rows = fileRows.reduce((total, count) => total + count, 0);
  for (let rowStart = 0; rowStart < rows; rowStart += shardRows) {
    shards.push({ id: shardId(shards.length), rowStart, rowEnd: Math.min(rows, rowStart + shardRows) });
  }
  return {
    spec,
    dataset: {
      files: fileRows.map((rows, file) => ({
        path: inputPath(data, file),
        format: "parquet",
        bytes: rows,
        mtimeMs: 0,
        rows,
        footerSha256: "0".repeat(64),
      })),
      fields: [],
      digest: "input",
    },
    leftOut: [],
    model: {
      path: "/model.onnx",
      bytes: 1,
      sha256: "model",
      signature: { inputs: [], outputs: [], unusable: [] },
      externalData: [],
    },
    map: { inputs: [], outputs: [], keep: [], columns: [], fixedBatchRows: null },
    shards,
    converted: null,
    digests: { spec: specDigest(spec), input: "input", model: "model" },
  };
}
