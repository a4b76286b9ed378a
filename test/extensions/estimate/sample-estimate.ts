import type { Estimate } from "../../../extensions/estimate/estimate-job.ts";

/** Returns the estimate of a short run on this machine. */
export function anEstimate(changes: Partial<Estimate> = {}): Estimate {
  return {
    seconds: 1.5,
    startSeconds: 0.4,
    finishSeconds: 0.1,
    rowsPerSecond: 3_000,
    error: 0.012,
    sampleRows: 2_000,
    device: "cpu",
    nodes: 1,
    workers: 1,
    lanes: 2,
    memory: { workerBytes: 300 << 20, coordinatorBytes: 100 << 20 },
    cost: null,
    failedRows: null,
    truncated: null,
    deviceReport: null,
    verdict: { bottleneck: "infer", stages: { infer: 0.9 }, padding: null, batch: null, advice: "a GPU" },
    ...changes,
  };
}
