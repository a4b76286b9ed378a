import type { Method } from "./method.ts";
import { jobsMethods } from "./methods-jobs.ts";
import { serverMethods } from "./methods-server.ts";
import { workersMethods } from "./methods-workers.ts";
import type { Peer } from "./peer.ts";
import type { CoordinatorServices, JobsService } from "./services.ts";
import { callServerStream } from "./streams.ts";
import { callUnary } from "./unary.ts";

/**
 * Limit of a submission. The coordinator lists the input, reads every footer and tests the SQL before it
 * responds.
 */
const SUBMIT_MS = 600_000;

export function jobsClient(peer: Peer, controlMs: number): JobsService {
  return {
    async submitJob(spec, options, signal) {
      const { submitMethods } = await import("./methods-submit.ts");
      const times = { deadlineMs: Math.max(SUBMIT_MS, controlMs), signal };
      return callUnary(peer, submitMethods.submitJob, { job: spec, ...options }, times);
    },
    getJob: (jobId, signal) =>
      callUnary(peer, jobsMethods.getJob, { jobId }, { deadlineMs: controlMs, signal }),
    listJobs: (signal) => callUnary(peer, jobsMethods.listJobs, {}, { deadlineMs: controlMs, signal }),
    watchJob: (jobId, signal) =>
      callServerStream(peer, jobsMethods.watchJob, { jobId }, { deadlineMs: null, signal }),
    cancelJob: (jobId, reason, signal) =>
      callUnary(peer, jobsMethods.cancelJob, { jobId, reason }, { deadlineMs: controlMs, signal }),
    pauseJob: (jobId, signal) =>
      callUnary(peer, jobsMethods.pauseJob, { jobId }, { deadlineMs: controlMs, signal }),
    resumeJob: (jobId, signal) =>
      callUnary(peer, jobsMethods.resumeJob, { jobId }, { deadlineMs: controlMs, signal }),
    setJobPriority: (jobId, priority, signal) =>
      callUnary(peer, jobsMethods.setJobPriority, { jobId, priority }, { deadlineMs: controlMs, signal }),
  };
}

/** Returns the clients of services whose only method has an empty request. */
export function infoClients(peer: Peer, controlMs: number): Pick<CoordinatorServices, "workers" | "server"> {
  const asking =
    <Answer>(method: Method<object, Answer>) =>
    (signal: AbortSignal) =>
      callUnary(peer, method, {}, { deadlineMs: controlMs, signal });
  return {
    workers: { listWorkers: asking(workersMethods.listWorkers) },
    server: { getServerInfo: asking(serverMethods.getServerInfo) },
  };
}
