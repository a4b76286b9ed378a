import { NEVER } from "../../shared/core/abort.ts";
import { ShardmillError } from "../../shared/core/errors.ts";
import { openDatasetFile } from "../../shared/dataset/open-dataset-file.ts";
import type { Lease } from "../../shared/domain/job.ts";
import { NO_STORES } from "../../shared/domain/job-stores.ts";
import { parseLocation } from "../../shared/domain/location.ts";
import type { MapBinding, OutputBinding } from "../../shared/domain/map-binding.ts";
import { rowsFormOf } from "../../shared/domain/output-shape.ts";
import { shardId } from "../../shared/domain/shard.ts";
import type { TensorData } from "../../shared/domain/tensor.ts";
import { createLocalStorage } from "../../shared/storage/local.ts";
import { byteSource } from "../../shared/storage/storage.ts";
import type { JobDescription } from "../../shared/wire/job-description.ts";
import { aDigest, aJobId } from "./ids.ts";

/**
 * Model of the job in these tests: two scores of a row's `x` (two values), `[x0 + x1, x0 - x1 + 3]`. Exact in
 * float32.
 */
export const SUM_PLAN: MapBinding = {
  inputs: [
    {
      tensor: "x",
      dtype: "float32",
      rowDims: [2],
      rowValues: 2,
      source: { kind: "one", column: "x" },
      scale: 1,
      offset: 0,
      fill: null,
      rowShape: { kind: "even" },
      batchAxis: 0,
    },
  ],
  outputs: [
    anOutput({ column: "scores" }),
    anOutput({ column: "best", op: { kind: "argmax", labels: ["sum", "rest"] } }),
  ],
  keep: [
    { name: "id", type: { kind: "numeric", type: "int64" }, nullable: false },
    { name: "tag", type: { kind: "string" }, nullable: true },
  ],
  columns: ["id", "x", "tag"],
  prepare: [],
  finish: [],
  fixedBatchRows: null,
};

/** Returns an output that uses the model's output unchanged. */
export function anOutput(changes: Partial<OutputBinding> = {}): OutputBinding {
  const { rowDims = [2], sequence = null } = changes;
  return {
    column: "y",
    tensor: "scores",
    dtype: "float32",
    rowDims: [2],
    rowValues: 2,
    sequence: null,
    batchAxis: 0,
    declaredDims: ["n", ...(sequence === null ? [] : ["s"]), ...rowDims],
    op: { kind: "raw" },
    ...changes,
  };
}

export function aJob(
  changes: Partial<Omit<JobDescription, "partialsPath">> & { readonly partialsPath: string },
): JobDescription {
  const { partialsPath, ...facts } = changes;
  return {
    jobId: aJobId("job-1"),
    name: "sums",
    stores: NO_STORES,
    model: {
      path: parseLocation("/none"),
      bytes: 0,
      sha256: aDigest(""),
      externalData: [],
      signature: { inputs: [], outputs: [], unusable: [] },
    },
    device: "cpu",
    map: SUM_PLAN,
    deviceCheck: null,
    rowsInput: 1_000,
    batchRows: 16,
    batchTokens: "auto",
    rowsFormat: "parquet",
    rowsForm: rowsFormOf({}),
    reduce: {},
    reductions: {},
    copiesRows: false,
    tables: {},
    tasks: null,
    beacon: { path: parseLocation("/none"), content: "" },
    ...facts,
    partialsPath: parseLocation(partialsPath),
  };
}

/** Returns a lease on rows of a real file, as the plan of that file would contain it. */
export async function leaseOn(
  path: string,
  facts: { readonly rowStart?: number; readonly rowEnd?: number; readonly sequence?: number } = {},
): Promise<Lease> {
  await using storage = createLocalStorage();
  const location = parseLocation(path);
  const stat = await storage.stat(location, NEVER);
  const format = path.endsWith(".arrow") ? "arrow" : "parquet";
  using file = await openDatasetFile(byteSource(storage, location, stat.bytes), format, NEVER);
  const { rowStart = 0, rowEnd = file.rows, sequence = 1 } = facts;
  return {
    jobId: aJobId("job-1"),
    token: { generation: 1, sequence },
    traceparent: "",
    workers: 1,
    shard: { id: shardId(sequence), rowStart, rowEnd },
    slices: [
      {
        file: { path: location, format, ...stat, rows: file.rows, footerSha256: file.footerSha256 },
        rowStart,
        rowEnd,
      },
    ],
    leaseMs: 30_000,
  };
}

export interface FakeModel {
  /** Value of `x0` on which the model fails. */
  readonly poison?: number;
  /** Limit of rows that fit. */
  readonly fitsRows?: number;
  /** Promise that delays the answer of a batch. */
  readonly gate?: Promise<void>;
}

/**
 * Computes the answer of the model in these tests.
 *
 * @throws {MODEL_FAILED} {OUT_OF_MEMORY} as its options demand
 */
export function sumModel(x: TensorData | undefined, { poison, fitsRows = Infinity }: FakeModel): TensorData {
  if (x === undefined) throw new Error("no x");
  const rows = x.dims[0] ?? 0;
  const values = new Float32Array(x.data);
  if (values.length !== rows * 2) throw new Error(`${values.length} values for ${rows} rows`);
  if (rows > fitsRows) throw new ShardmillError("OUT_OF_MEMORY", `${rows} rows do not fit`);
  const scores = new Float32Array(rows * 2);
  for (let row = 0; row < rows; row += 1) {
    const [a = 0, b = 0] = values.subarray(row * 2);
    if (a === poison) throw new ShardmillError("MODEL_FAILED", `cannot take ${poison}`);
    scores.set([a + b, a - b + 3], row * 2);
  }
  return { dtype: "float32", dims: [rows, 2], data: scores.buffer };
}
