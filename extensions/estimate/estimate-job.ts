import { writeBeacon } from "../../coordinator/commit/beacon.ts";
import { describeJob } from "../../coordinator/job/describe-job.ts";
import { workPaths } from "../../coordinator/publish/work-paths.ts";
import type { DeviceReport } from "../../shared/domain/accuracy.ts";
import { plannedRows } from "../../shared/domain/dataset-rows.ts";
import type { ConcreteDevice } from "../../shared/domain/device.ts";
import type { PlannedJob } from "../../shared/domain/job.ts";
import { asJobId } from "../../shared/domain/job-id.ts";
import { lastStageOf } from "../../shared/domain/job-stages.ts";
import { leaseSlices } from "../../shared/domain/lease-slices.ts";
import { shardRows } from "../../shared/domain/shard.ts";
import { createLocalStorage } from "../../shared/storage/local.ts";
import { leaseSlotCount } from "../../worker/pipeline/thread-counts.ts";
import type { ProcessCounts } from "../../worker/process/process-layout.ts";
import { withPipelines } from "../pipeline/pipelines.ts";
import { type FinishTime, timeFinish } from "./finish-sample.ts";
import { type Prediction, predict } from "./predict.ts";
import { runSamples, type SampleRun } from "./run-samples.ts";
import {
  cutBytes,
  type FailedRows,
  failedRowsOf,
  paddingOf,
  type SampleTruncated,
  speedOf,
  stagesOf,
  truncatedOf,
} from "./sample-figures.ts";
import { spreadShards } from "./sample-shards.ts";

export interface EstimateQuestion {
  readonly counts: ProcessCounts;
  /** Number of machines like this one. */
  readonly nodes: number;
  /** Price of one such machine. Null: no cost is requested. */
  readonly pricePerHour: number | null;
  readonly sampleMs: number;
}

/** Prediction of a run, measured on a sample. */
export interface Estimate extends Prediction {
  readonly rowsPerSecond: number;
  /** Standard error of the speed, relative to it. */
  readonly error: number;
  readonly sampleRows: number;
  readonly device: string;
  readonly nodes: number;
  /** Workers on each machine. */
  readonly workers: number;
  /** Lanes of each worker. 0: the job has no model. */
  readonly lanes: number;
  readonly memory: { readonly workerBytes: number; readonly coordinatorBytes: number };
  /** Dead letters of the sample. Null: none. If every row becomes one, the speed is that of failing. */
  readonly failedRows: FailedRows | null;
  /** Rows of the sample with a truncated text. Null: none. */
  readonly truncated: SampleTruncated | null;
  /** Comparison of the device with the CPU. Null: the device is the CPU, or was not checked. */
  readonly deviceReport: DeviceReport | null;
  /** Cost in the currency of the price. Null: no price. */
  readonly cost: number | null;
}

/** Limit of sampled shards: enough to cover the dataset, and few enough for a command line. */
const SAMPLED_SHARDS = 100;

/**
 * Runs a sample through as many worker processes as a run would start on this machine. Then reduces and
 * stages their results, and predicts the whole job here or on several such machines.
 *
 * @returns null for an empty dataset, or when the model is too slow for a measurement
 * @throws the errors of a run over the sample's rows
 */
export async function estimateJob(planned: PlannedJob, question: EstimateQuestion): Promise<Estimate | null> {
  const shards = spreadShards(planned.shards, SAMPLED_SHARDS);
  if (shards.length === 0) return null;
  const { counts, sampleMs: budgetMs } = question;
  return withPipelines(
    lastStageOf(planned.spec).model?.device ?? null,
    counts,
    async ({ device, processes, scratchPath }) => {
      const { lanes = 1, shardThreads = 1 } = processes[0]?.options ?? {};
      const paths = workPaths(scratchPath);
      await using storage = createLocalStorage();
      const beacon = await writeBeacon(paths.partials, storage);
      const { files } = planned.dataset;
      const rows = plannedRows(planned);
      const task = {
        job: describeJob(asJobId("sample"), planned, { partialsPath: paths.partials, beacon }),
        shards: shards.map((shard) => ({ shard, slices: leaseSlices(files, rows, shard) })),
      };
      const runs = await runSamples({ processes, task, scratchPath, budgetMs });
      if (runs === null) return null;
      const partials = runs.flatMap(({ result }) => result.partials);
      const finish = await timeFinish(planned, partials, { paths, storage });
      return estimateFrom({ planned, question, device, runs, finish, lanes, shardThreads });
    },
  );
}

interface Measured {
  readonly planned: PlannedJob;
  readonly question: EstimateQuestion;
  readonly device: ConcreteDevice;
  /** Runs of the sample, one per worker. */
  readonly runs: readonly SampleRun[];
  readonly finish: FinishTime;
  readonly lanes: number;
  readonly shardThreads: number;
}

function estimateFrom({ planned, question, device, runs, finish, lanes, shardThreads }: Measured): Estimate {
  const { nodes, pricePerHour } = question;
  const { rowsPerSecond, error } = speedOf(runs);
  const slots = leaseSlotCount(shardThreads);
  const prediction = predict({
    shardRows: planned.shards.map(shardRows),
    files: planned.dataset.files.length,
    starts: runs.map(({ marks, warmFrom }) => marks.slice(0, warmFrom + 1)),
    rowsPerSecond: rowsPerSecond / runs.length,
    stages: stagesOf(runs),
    padding: paddingOf(runs),
    finish,
    nodes,
    slots,
    device,
    isConverted: planned.converted !== null,
  });
  return {
    ...prediction,
    rowsPerSecond: rowsPerSecond * nodes,
    error,
    sampleRows: runs.reduce((rows, { marks }) => rows + (marks.at(-1)?.[1] ?? 0), 0),
    device,
    nodes,
    workers: runs.length,
    lanes: planned.model === null ? 0 : lanes,
    memory: {
      workerBytes: Math.max(...runs.map(({ result }) => result.peakBytes)) + cutBytes(planned, runs, slots),
      coordinatorBytes: process.resourceUsage().maxRSS * 1024,
    },
    failedRows: failedRowsOf(runs),
    truncated: truncatedOf(runs),
    deviceReport: runs[0]?.result.deviceReport ?? null,
    cost: pricePerHour === null ? null : (prediction.seconds / 3600) * nodes * pricePerHour,
  };
}
