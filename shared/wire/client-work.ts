import { NEVER } from "../core/abort.ts";
import { CarriedCalls } from "./carried-calls.ts";
import { workMethods } from "./methods-work.ts";
import type { Peer } from "./peer.ts";
import type { WorkService } from "./services.ts";
import { callUnary } from "./unary.ts";

/**
 * Limit of an offer. The coordinator reads and hashes the partial's files before it responds. Leases are
 * renewed meanwhile.
 */
const OFFER_MS = 120_000;

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
