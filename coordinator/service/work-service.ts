import type { UntypedServiceImplementation } from "@grpc/grpc-js";
import { workMethods } from "../../shared/wire/methods-work.ts";
import type { WorkService } from "../../shared/wire/services.ts";
import { type ReportFailure, serveUnary } from "../../shared/wire/unary.ts";

/** Decodes, asks, encodes. The long poll's signal aborts when its worker goes away. */
export function workHandlers(work: WorkService, report: ReportFailure): UntypedServiceImplementation {
  return {
    Register: serveUnary(workMethods.register, (request, signal) => work.register(request, signal), report),
    DescribeJob: serveUnary(
      workMethods.describeJob,
      ({ session, jobId }, signal) => work.describeJob(session, jobId, signal),
      report,
    ),
    RequestLease: serveUnary(
      workMethods.requestLease,
      ({ session, waitMs }, signal) => work.requestLease(session, waitMs, signal),
      report,
    ),
    Heartbeat: serveUnary(
      workMethods.heartbeat,
      (heartbeat, signal) => work.heartbeat(heartbeat, signal),
      report,
    ),
    OfferPartial: serveUnary(
      workMethods.offerPartial,
      ({ session, jobId, partial }, signal) => work.offerPartial(session, jobId, partial, signal),
      report,
    ),
    FailAttempt: serveUnary(
      workMethods.failAttempt,
      ({ session, lease, error }, signal) => work.failAttempt(session, lease, error, signal),
      report,
    ),
    ReleaseLease: serveUnary(
      workMethods.releaseLease,
      ({ session, lease }, signal) => work.releaseLease(session, lease, signal),
      report,
    ),
    Leave: serveUnary(workMethods.leave, ({ session }, signal) => work.leave(session, signal), report),
  };
}
