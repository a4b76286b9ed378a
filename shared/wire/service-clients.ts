import { NEVER } from "../core/abort.ts";
import { CarriedCalls } from "./carried-calls.ts";
import type { Method } from "./method.ts";
import { jobsMethods } from "./methods-jobs.ts";
import { serverMethods } from "./methods-server.ts";
import { workMethods } from "./methods-work.ts";
import { workersMethods } from "./methods-workers.ts";
import type { Peer } from "./peer.ts";
import type { CoordinatorServices, JobsService, WorkService } from "./services.ts";
import { callServerStream } from "./streams.ts";
import { callUnary } from "./unary.ts";

/**
 * Limit of an offer. The coordinator reads and hashes the partial's files before it responds. Leases are
 * renewed meanwhile.
 */
const OFFER_MS = 120_000;

/**
 * Limit of a submission. The coordinator lists the input, reads every footer and tests the SQL before it
 * responds.
 */
const SUBMIT_MS = 600_000;

export function workClient(peer: Peer, controlMs: number): WorkService {
  const toTheEnd = { deadlineMs: controlMs, signal: NEVER };
  const carried = new CarriedCalls(peer);
  return {
    register: (registration, signal) =>
      callUnary(peer, workMethods.register, registration, { deadlineMs: controlMs, signal }),
    describeJob: (session, jobId) => callUnary(peer, workMethods.describeJob, { session, jobId }, toTheEnd),
    reportDevice: (session, jobId, report) =>
      callUnary(peer, workMethods.reportDevice, { session, jobId, report }, toTheEnd),
    requestLease(session, waitMs, running, signal) {
      const times = { deadlineMs: waitMs + controlMs, signal };
      return carried.call(workMethods.requestLease, { session, waitMs, running }, times);
    },
    heartbeat: (heartbeat, signal) =>
      carried.call(workMethods.heartbeat, heartbeat, { deadlineMs: controlMs, signal }),
    offerPartial(session, jobId, partial, traceparent = "") {
      const times = { deadlineMs: Math.max(OFFER_MS, controlMs), signal: NEVER };
      return carried.call(workMethods.offerPartial, { session, jobId, partial, traceparent }, times);
    },
    failAttempt: (session, lease, error) =>
      carried.call(workMethods.failAttempt, { session, lease, error }, toTheEnd),
    releaseLease: (session, lease) => carried.call(workMethods.releaseLease, { session, lease }, toTheEnd),
    leave: (session, gpuFault, signal) =>
      callUnary(peer, workMethods.leave, { session, gpuFault }, { deadlineMs: controlMs, signal }),
  };
}

export function jobsClient(peer: Peer, controlMs: number): JobsService {
  return {
    submitJob(spec, options, signal) {
      const times = { deadlineMs: Math.max(SUBMIT_MS, controlMs), signal };
      return callUnary(peer, jobsMethods.submitJob, { job: spec, ...options }, times);
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
