import fc from "fast-check";
import { ERROR_CODES, type ErrorCode } from "../../shared/core/error-codes.ts";
import type { ErrorData } from "../../shared/core/errors.ts";
import { recordOf } from "../../shared/core/record-of.ts";
import type { AccuracyReport, DeviceReport } from "../../shared/domain/accuracy.ts";
import { BOTTLENECKS } from "../../shared/domain/bottleneck.ts";
import type { JobConversion } from "../../shared/domain/conversion.ts";
import { END_STEPS } from "../../shared/domain/end-progress.ts";
import { asExecutionId } from "../../shared/domain/execution-id.ts";
import { JOB_PHASES, type Lease } from "../../shared/domain/job.ts";
import type { JobStatus } from "../../shared/domain/job-status.ts";
import { ROWS_FORMATS } from "../../shared/domain/output-formats.ts";
import type { PartialManifest } from "../../shared/domain/partial.ts";
import { ROW_COUNT_NAMES, RUN_COUNTS } from "../../shared/domain/row-counts.ts";
import { shardId } from "../../shared/domain/shard.ts";
import { type WorkerInfo, type WorkerStatus, workerSession } from "../../shared/domain/worker.ts";
import type {
  Heartbeat,
  LeaseAnswer,
  LeaseRef,
  OfferAnswer,
  PutHeader,
  Registered,
  Registration,
  SubmittedJob,
} from "../../shared/wire/services.ts";
import { batchInUse } from "./batch-arbitraries.ts";
import { inputFile } from "./file-arbitraries.ts";
import { aDigest, aJobId } from "./ids.ts";
import { storeCounts } from "./store-counts.ts";
import { taskRun } from "./task-arbitraries.ts";
import { busy, fetching } from "./worker-arbitraries.ts";

/** Values of the domain, in every shape that may cross the wire. */

/** fast-check's dictionaries may have no prototype, which a strict comparison detects. */
export const plain = <T>(dictionary: Record<string, T>): Record<string, T> => ({ ...dictionary });

/** Any text of whole characters, including the empty one and those outside ASCII. */
export const text = fc.string({ unit: "binary", maxLength: 20 });
export const name = fc.string({ unit: "binary", minLength: 1, maxLength: 20 });
export const word = fc.stringMatching(/^[a-z][a-z0-9_]{0,11}$/);
export const integer = fc.integer();
export const uint32 = fc.oneof(fc.nat(1000), fc.constantFrom(0, 2 ** 31, 2 ** 32 - 1));
export const count = fc.oneof(fc.nat(1000), fc.constantFrom(0, 2 ** 32, Number.MAX_SAFE_INTEGER));
/** Excludes negative zero, which does not survive JSON. Nothing depends on it. */
export const finite = fc.double({ noNaN: true, noDefaultInfinity: true }).map((value) => value + 0);
const positive = fc.double({ min: 0, noNaN: true, noDefaultInfinity: true });
export const hex = fc.stringMatching(/^[0-9a-f]{64}$/).map(aDigest);
export const session = name.map(workerSession);
const fewOf = (most: number) => ({ minLength: 1, maxLength: most });
const token = fc.record({ generation: uint32, sequence: uint32 });

const errorCode = fc.constantFrom(...(Object.keys(ERROR_CODES) as ErrorCode[]));
export const errorData: fc.Arbitrary<ErrorData> = fc.record(
  {
    code: errorCode,
    message: text,
    fields: fc.dictionary(word, fc.oneof(text, finite, fc.boolean(), fc.constant(null))).map(plain),
    problems: fc.array(
      fc.record(
        { where: text, what: text, expected: text, found: text, hint: text, code: errorCode },
        { requiredKeys: ["where", "what"], noNullPrototype: true },
      ),
      { maxLength: 3 },
    ),
    hint: text,
  },
  { requiredKeys: ["code", "message", "fields", "problems"], noNullPrototype: true },
);

/** Rows of several files, and their shard. */
const shardAndSlices: fc.Arbitrary<Pick<Lease, "shard" | "slices">> = fc
  .record({
    id: uint32.map(shardId),
    rowStart: count.map((value) => Math.floor(value / 2)),
    slices: fc.array(fc.record({ file: inputFile, rowStart: uint32, rows: uint32 }), fewOf(5)),
  })
  .map(({ id, rowStart, slices }) => ({
    shard: { id, rowStart, rowEnd: rowStart + slices.reduce((total, { rows }) => total + rows, 0) },
    slices: slices.map(({ file, rowStart: from, rows }) => ({ file, rowStart: from, rowEnd: from + rows })),
  }));

export const jobId = name.map(aJobId);
export const askedJobId = text.map(aJobId);

const lease: fc.Arbitrary<Lease> = fc
  .record({ jobId, token, shardAndSlices, leaseMs: uint32, traceparent: text, workers: uint32 })
  .map(({ shardAndSlices: { shard, slices }, ...rest }) => ({ ...rest, shard, slices }));

export const leaseRef: fc.Arbitrary<LeaseRef> = fc.record({ jobId, shard: uint32.map(shardId), token });

export const leaseAnswer: fc.Arbitrary<LeaseAnswer> = fc.oneof(
  lease.map((granted) => ({ kind: "lease" as const, lease: granted })),
  uint32.map((retryMs) => ({ kind: "noLease" as const, retryMs })),
  text.map((reason) => ({ kind: "dismissed" as const, reason })),
);

export const partial: fc.Arbitrary<PartialManifest> = fc.record({
  shard: uint32.map(shardId),
  token,
  executionId: fc.stringMatching(/^[A-Za-z0-9_-]{1,64}$/).map(asExecutionId),
  ...recordOf(ROW_COUNT_NAMES, () => count),
  firstDeadLetter: fc.option(
    fc.record({
      file: text,
      row: count,
      stage: fc.constantFrom("read", "tensorize", "infer", "collect", "worker"),
      code: text,
      message: text,
    }),
  ),
  files: fc.array(
    fc.record({
      kind: fc.constantFrom("rows", "scan", "errors", "combined", "sample", "folders"),
      name,
      rows: count,
      bytes: count,
      sha256: hex,
    }),
    { maxLength: 3 },
  ),
  digest: hex,
});

export const offerAnswer: fc.Arbitrary<OfferAnswer> = fc.oneof(
  fc.constant({ kind: "committed" as const }),
  fc.constant({ kind: "alreadyCommitted" as const }),
  errorData.map((error) => ({ kind: "refused" as const, error })),
);

const workerInfoFields = {
  name,
  hostname: text,
  pid: uint32,
  device: fc.constantFrom("cpu", "cuda", "tensorrt", "webgpu", "coreml", "dml"),
  slots: uint32,
  taskSlots: uint32,
  lanes: uint32,
  threadsPerLane: uint32,
  onnxruntimeVersion: text,
  build: text,
  mapping: text,
} as const satisfies { [K in keyof WorkerInfo]: fc.Arbitrary<WorkerInfo[K]> };

export const registration: fc.Arbitrary<Registration> = fc.record({
  ...workerInfoFields,
  protocol: fc.record({ oldest: uint32, newest: uint32 }),
  instance: text,
});

export const registered: fc.Arbitrary<Registered> = fc.record({
  session,
  leaseMs: uint32,
  heartbeatMs: uint32,
});

export const heartbeat: fc.Arbitrary<Heartbeat> = fc.record(
  {
    session,
    leases: fc.array(fc.record({ lease: leaseRef, rowsDone: count }), { maxLength: 3 }),
    busy,
    padding: fc.option(fc.double({ min: 0, max: 1, noNaN: true })),
    batch: batchInUse,
    stores: storeCounts,
    fetching,
  },
  { requiredKeys: ["session", "leases", "busy", "padding", "stores"] },
);

export const leaseStates = fc.array(fc.record({ lease: leaseRef, live: fc.boolean(), workers: uint32 }), {
  maxLength: 3,
});

export const workerStatus: fc.Arbitrary<WorkerStatus> = fc.record({
  ...workerInfoFields,
  session,
  leases: uint32,
  rowsCommitted: count,
  shardsCommitted: uint32,
  attemptsFailed: uint32,
  excludedForSeconds: fc.option(positive),
  refused: fc.option(name),
  secondsConnected: positive,
  secondsSinceHeartbeat: positive,
  batch: fc.option(batchInUse),
  busy,
  fetching: fc.option(fetching),
  gpuFault: fc.option(name),
});

const accuracyFields = {
  rows: count,
  failedRows: count,
  seconds: positive,
  outputs: fc.array(
    fc.record({
      tensor: text,
      maxError: positive,
      meanError: positive,
      maxRelative: fc.option(positive),
      beyondRows: count,
      worst: fc.array(
        fc.record({
          file: text,
          row: count,
          index: count,
          expected: text,
          found: text,
          relative: fc.option(positive),
        }),
        { maxLength: 2 },
      ),
      meanCosine: fc.option(finite),
      leastCosine: fc.option(finite),
      agreement: fc.option(positive),
      ranked: fc.boolean(),
      notFiniteRows: count,
    }),
    { maxLength: 3 },
  ),
  tolerance: positive,
  maxBeyond: positive,
  minCosine: positive,
  minAgreement: positive,
} as const satisfies { [K in keyof AccuracyReport]: fc.Arbitrary<AccuracyReport[K]> };

const jobConversion: fc.Arbitrary<JobConversion> = fc.record({
  key: fc.string({ minLength: 1, maxLength: 20 }),
  value: fc.string({ minLength: 1, maxLength: 20 }),
  check: fc.option(
    fc.record({
      originalBytes: count,
      convertedBytes: count,
      ...accuracyFields,
    }),
  ),
});

export const deviceReport: fc.Arbitrary<DeviceReport> = fc.record({
  worker: name,
  device: workerInfoFields.device,
  gpu: fc.option(name),
  onnxruntimeVersion: text,
  remembered: fc.boolean(),
  refusal: fc.option(name),
  ...accuracyFields,
});

export const jobStatus: fc.Arbitrary<JobStatus> = fc.record({
  jobId: askedJobId,
  name: text,
  phase: fc.constantFrom(...JOB_PHASES),
  rowsTotal: count,
  rowsPruned: count,
  rowsSkipped: count,
  rowsDone: count,
  rowsCommitted: count,
  ...recordOf(RUN_COUNTS, () => count),
  deadLetters: count,
  ...{ shardsTotal: uint32, shardsCommitted: uint32, shardsLeased: uint32 },
  ...{ attempts: uint32, attemptsFailed: uint32, workers: uint32 },
  ...{ seconds: positive, rowsPerSecond: positive, secondsLeft: fc.option(positive) },
  bottleneck: fc.option(fc.constantFrom(...BOTTLENECKS)),
  stages: busy,
  padding: fc.option(positive),
  batch: fc.option(batchInUse),
  advice: fc.option(name),
  conversion: fc.option(jobConversion),
  devices: fc.array(deviceReport, { maxLength: 2 }),
  stores: storeCounts,
  tasks: fc.array(taskRun, { maxLength: 2 }),
  ...{ output: text, manifest: text },
  failure: fc.option(errorData),
  fetching: fc.option(fetching),
  waiting: fc.option(fc.record({ store: text, seconds: positive, reason: text })),
  rowsFormat: fc.constantFrom(...ROWS_FORMATS),
  endProgress: fc.option(fc.record({ step: fc.constantFrom(...END_STEPS), done: count, total: count })),
  ended: fc.option(name),
  ...{ priority: integer, paused: fc.boolean() },
});

export const submittedJob: fc.Arbitrary<SubmittedJob> = fc.record({
  job: jobStatus,
  nothingNew: fc.boolean(),
  notes: fc.array(text, { maxLength: 3 }),
});

export const putHeader: fc.Arbitrary<PutHeader> = fc.record({
  session,
  jobId,
  shard: uint32.map(shardId),
  token,
  executionId: fc.stringMatching(/^[A-Za-z0-9_-]{1,64}$/).map(asExecutionId),
  name,
  bytes: count,
});

export const chunk = fc.uint8Array({ maxLength: 2000 });
