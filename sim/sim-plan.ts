import { asDigest, type Digest, sha256 } from "../shared/core/digest.ts";
import { BUCKETS } from "../shared/domain/buckets.ts";
import { INPUTS } from "../shared/domain/features.ts";
import type { PlannedJob } from "../shared/domain/job.ts";
import { JOB_FILE_SCHEMA, type JobSpec } from "../shared/domain/job-spec.ts";
import { NO_STORES } from "../shared/domain/job-stores.ts";
import { below, type Location, parseLocation } from "../shared/domain/location.ts";
import { type Shard, shardId } from "../shared/domain/shard.ts";
import { specDigest } from "../shared/job-file/spec-digest.ts";
import { SeededRandom } from "./seeded-random.ts";

/** A small job. Each row has a place in the input, and its content does not matter. */
export interface SimJob {
  readonly spec: JobSpec;
  readonly planned: PlannedJob;
  /** Location of the published output. */
  readonly out: Location;
  /** Path of the output in the image, which differs from `out` when that is in a bucket. */
  readonly kept: string;
  /** The journal is in the bucket of the output. */
  readonly isShared: boolean;
  /** Folder of its input. No two jobs share one. */
  readonly data: string;
  /** Rows that cannot be mapped and become dead letters. */
  readonly failing: ReadonlySet<string>;
  /** Rows that end the process of the worker that maps them. */
  readonly poison: ReadonlySet<string>;
  /**
   * Number of output rows that a step makes of a row, where it is not one: 0 drops the row, and 2 doubles it.
   */
  readonly parts: ReadonlyMap<string, number>;
  /** Rows of which a step truncates a text. Only those in the output are counted. */
  readonly truncated: ReadonlySet<string>;
  /** Buckets of a task that a worker's memory holds. A task of more ends the worker's process. */
  readonly mostBuckets: number;
}

/** Returns how many output rows a sound row becomes. */
export function partsOf(job: Pick<SimJob, "parts">, name: string): number {
  return job.parts.get(name) ?? 1;
}

/** Returns the name of a row: `path:row`. */
export function rowName(path: string, row: number): string {
  return `${path}:${row}`;
}

function inputPath(data: string, file: number): string {
  return `${data}/part-${file}.parquet`;
}

interface SimJobOptions {
  readonly failingRows: boolean;
  readonly poisonRows: boolean;
  /** The reduction has keys, so workers run it as tasks. Default: false. */
  readonly hasTasks?: boolean;
  /** Index of the job among several, from 0. */
  readonly place: number;
  /** Place of its output. Default: the disk. */
  readonly output?: SimOutput;
}

/** A folder for outputs. */
interface SimOutput {
  readonly folder: Location;
  /** Path of the folder in the image. */
  readonly kept: string;
  /** The journal is in the same bucket, which coordinators on several machines reach. */
  readonly isShared: boolean;
}

const ON_DISK: SimOutput = { folder: parseLocation("/"), kept: "", isShared: false };

export function makeSimJob(random: SeededRandom, options: SimJobOptions): SimJob {
  const suffix = options.place === 0 ? "" : `-${options.place + 1}`;
  const { output = ON_DISK } = options;
  const [out, data] = [below(output.folder, `out${suffix}`), `/data${suffix}`];
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
  const { isShared } = output;
  const spec = makeSpec(random, { maxRows, out, data, name: `sim${suffix}`, isShared });
  const unkeyed = plan(spec, data, fileRows, random.int(2, 5));
  // The steps are drawn from the digest, which the keys would change.
  const planned = options.hasTasks ? withKeys(unkeyed) : unkeyed;
  const sound = planned.dataset.files
    .flatMap(({ path, rows }) => Array.from({ length: rows }, (_, row) => rowName(path, row)))
    .filter((name) => !failing.has(name) && !poison.has(name));
  const kept = `${output.kept}/out${suffix}`;
  const steps = stepRows(sound, unkeyed.digests.spec);
  const mostBuckets = options.poisonRows && steps.isLarge ? LARGE_BUCKETS : BUCKETS;
  return { spec: planned.spec, planned, out, kept, isShared, data, failing, poison, mostBuckets, ...steps };
}

function withKeys(planned: PlannedJob): PlannedJob {
  const spec = { ...planned.spec, reduce: { sums: { final: "SELECT 1", by: ["text"] } } };
  return { ...planned, spec, digests: { ...planned.digests, spec: specDigest(spec) } };
}

type StepRows = Pick<SimJob, "parts" | "truncated"> & { readonly isLarge: boolean };

/** Buckets of a task that a worker's memory just holds. Of two to six tasks, each is halved once or twice. */
const LARGE_BUCKETS = 1_000;

/** Draws from a separate stream, so that steps do not change the later draws of the world. */
function stepRows(rows: readonly string[], specDigest: Digest): StepRows {
  const random = new SeededRandom(Number.parseInt(sha256(`${specDigest} ${rows.join(" ")}`).slice(0, 8), 16));
  const dropped = random.pick([0, 0.2, 0.9]);
  const doubled = random.pick([0, 0.1]);
  const parts = new Map<string, number>();
  for (const row of rows) {
    if (random.chance(dropped)) parts.set(row, 0);
    else if (random.chance(doubled)) parts.set(row, 2);
  }
  const long = random.pick([0, 0.3]);
  const cut = rows.filter(() => random.chance(long));
  return { parts, truncated: new Set(MADE === null ? [] : cut), isLarge: random.chance(0.5) };
}

/** Folder on each machine for the lock of a job whose output is in a bucket. */
const WORK_PATH = "/work";

const [MADE_INPUT] = INPUTS;
/** Key by which a step makes the input, and may truncate rows. Null: no extension has such a step. */
const MADE = MADE_INPUT === undefined ? null : { [MADE_INPUT.key]: "/tokenizer.json" };

function makeSpec(
  random: SeededRandom,
  {
    maxRows,
    out,
    data,
    name,
    isShared,
  }: Pick<SimJob, "out" | "data"> & {
    readonly maxRows: number;
    readonly name: string;
    readonly isShared: boolean;
  },
): JobSpec {
  const file = {
    name,
    input: { path: `${data}/*.parquet` },
    model: { path: parseLocation("/model.onnx") },
    // `stepRows` decides the effects on rows.
    map: {
      prepare: [{ sql: "SELECT * FROM rows" }],
      inputs: { x: { column: "text", ...MADE } },
      outputs: { y: { tensor: "y" } },
    },
    reduce: {
      sums: random.chance(0.6) ? { combine: "SELECT 1", final: "SELECT 1" } : { final: "SELECT 1" },
    },
    output: { path: out, rows: "parquet" as const },
    ...(isShared ? { work: { journal: "bucket" as const, path: WORK_PATH } } : {}),
    errors: { maxRows },
  };
  return { ...JOB_FILE_SCHEMA.parse(file), name };
}

/** Plans shards, which may span several files. */
function plan(spec: JobSpec, data: string, fileRows: readonly number[], shardRows: number): PlannedJob {
  const shards: Shard[] = [];
  const rows = fileRows.reduce((total, count) => total + count, 0);
  for (let rowStart = 0; rowStart < rows; rowStart += shardRows) {
    shards.push({ id: shardId(shards.length), rowStart, rowEnd: Math.min(rows, rowStart + shardRows) });
  }
  return {
    spec,
    stores: NO_STORES,
    pins: [],
    modelFrom: null,
    reductions: {},
    tables: {},
    typeChecks: [],
    partitions: { kind: "none", why: null },
    pruned: [],
    skipped: [],
    dataset: {
      files: fileRows.map((rows, file) => ({
        path: parseLocation(inputPath(data, file)),
        format: "parquet",
        bytes: rows,
        version: "0",
        rows,
        footerSha256: asDigest("0".repeat(64)),
      })),
      fields: [],
      digest: asDigest("input"),
    },
    skippedFiles: [],
    undecoded: [],
    model: {
      path: parseLocation("/model.onnx"),
      bytes: 1,
      sha256: asDigest("model"),
      signature: { inputs: [], outputs: [], unusable: [] },
      externalData: [],
    },
    map: { inputs: [], outputs: [], keep: [], columns: [], prepare: [], finish: [], fixedBatchRows: null },
    shards,
    converted: null,
    stages: [],
    folder: null,
    digests: { spec: specDigest(spec), input: asDigest("input"), model: asDigest("model") },
  };
}
