import { mkdir, rm } from "node:fs/promises";
import { join } from "node:path";
import { ShardmillError } from "../shared/core/errors.ts";
import { silentLogger } from "../shared/core/log.ts";
import type { JobDescription, Lease, PlannedJob } from "../shared/domain/job.ts";
import { shardRows } from "../shared/domain/shard.ts";
import { workerSession } from "../shared/domain/worker.ts";
import { resolveDevice } from "../shared/onnx/resolve-device.ts";
import { OpenJob } from "../worker/open-job.ts";
import { planProcesses } from "../worker/process-plan.ts";
import { makeScratch } from "../worker/scratch.ts";
import type { ProcessCounts } from "./options.ts";

/** Enough rows to fill the lanes for a moment, few enough to be done in seconds on a slow model. */
const SAMPLE_ROWS = 8_192;
/** A sample that is quicker than this says little: it is repeated. */
const SAMPLE_MS = 1_500;

export interface Estimate {
  readonly rowsPerSecond: number;
  readonly seconds: number;
  readonly sampleRows: number;
  readonly device: string;
  readonly workers: number;
  readonly lanes: number;
}

/**
 * Runs a sample of the first shard through a worker's own pipeline (read, infer, encode, combine) on this machine, into a
 * scratch folder, and multiplies: an estimate of the steady state, without the workers' start. Null for an empty dataset.
 */
export async function estimateJob(planned: PlannedJob, counts: ProcessCounts): Promise<Estimate | null> {
  const first = planned.shards[0];
  const file = planned.dataset.files[first?.file ?? 0];
  if (first === undefined || file === undefined || shardRows(first) === 0) return null;
  const rowEnd = Math.min(first.rowEnd, first.rowStart + SAMPLE_ROWS);
  const sampleRows = rowEnd - first.rowStart;
  const device = await resolveDevice(planned.spec.model.device);
  const processes = await planProcesses({
    ...counts,
    coordinator: "none",
    device,
    access: "shared",
    logLevel: "silent",
    giveUpMs: 0,
  });
  const lanes = processes[0]?.options.lanes ?? 1;
  const scratchPath = await makeScratch();
  try {
    const lease = (sequence: number): Lease => ({
      jobId: "sample",
      token: { generation: 1, sequence },
      shard: { ...first, rowEnd },
      file,
      leaseMs: 60_000,
    });
    await using job = await openSample(planned, lease(0), {
      device,
      lanes,
      threads: processes[0]?.options.threadsPerLane ?? 1,
      scratchPath,
    });
    const perWorker = await measure(job, lease, sampleRows);
    const rowsPerSecond = perWorker * processes.length;
    const rows = planned.shards.reduce((total, shard) => total + shardRows(shard), 0);
    return {
      rowsPerSecond,
      seconds: rows / rowsPerSecond,
      sampleRows,
      device,
      workers: processes.length,
      lanes,
    };
  } finally {
    await rm(scratchPath, { recursive: true, force: true });
  }
}

/** Rows a second after one run to warm up and settle the batch size. */
async function measure(
  job: OpenJob,
  lease: (sequence: number) => Lease,
  sampleRows: number,
): Promise<number> {
  const options = { signal: new AbortController().signal, onProgress: () => {} };
  await job.run(lease(1), "warm", options);
  const startMs = performance.now();
  let runs = 0;
  while (runs < 100 && (runs === 0 || performance.now() - startMs < SAMPLE_MS)) {
    runs += 1;
    await job.run(lease(runs + 1), `sample${runs}`, options);
  }
  return (sampleRows * runs) / ((performance.now() - startMs) / 1000);
}

async function openSample(
  planned: PlannedJob,
  firstLease: Lease,
  options: {
    readonly device: Awaited<ReturnType<typeof resolveDevice>>;
    readonly lanes: number;
    readonly threads: number;
    readonly scratchPath: string;
  },
): Promise<OpenJob> {
  const { writeBeacon } = await import("../coordinator/commit/beacon.ts");
  const partialsPath = join(options.scratchPath, "partials");
  await mkdir(partialsPath, { recursive: true });
  const { spec, model, map } = planned;
  const description: JobDescription = {
    jobId: "sample",
    name: spec.name,
    model,
    device: spec.model.device,
    map,
    batchRows: spec.map.batch.rows,
    rowsFormat: spec.output.rows,
    reduce: spec.reduce,
    partialsPath,
    beacon: await writeBeacon(partialsPath),
  };
  return OpenJob.open({
    describeJob: async () => description,
    data: null,
    address: "",
    device: options.device,
    lanes: options.lanes,
    threadsPerLane: options.threads,
    access: "shared",
    scratchPath: options.scratchPath,
    log: silentLogger,
    session: workerSession("sample"),
    firstLease,
    onBusy: () => {},
    onBroken: (error) => {
      throw new ShardmillError("INTERNAL", `the sample broke: ${error.message}`);
    },
  });
}
