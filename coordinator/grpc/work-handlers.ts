import type { UntypedServiceImplementation } from "@grpc/grpc-js";
import { NEVER } from "../../shared/core/abort.ts";
import { workMethods } from "../../shared/wire/methods-work.ts";
import type { WorkService } from "../../shared/wire/services.ts";
import { type ReportFailure, serveUnary } from "../../shared/wire/unary.ts";
import type { AuditLog } from "../access/audit-log.ts";

/**
 * Handlers of calls from workers. Only `RequestLease` needs to detect that its worker has disconnected. The
 * others are answered at once, and take effect even if the answer is lost.
 */
export function workHandlers(
  work: WorkService,
  report: ReportFailure,
  audit: AuditLog,
): UntypedServiceImplementation {
  return {
    Register: serveUnary(
      workMethods.register,
      async (request, { who }) => {
        const registered = await work.register(request, NEVER);
        audit.record(who, { event: "joined", worker: request.name, host: request.hostname });
        return registered;
      },
      report,
    ),
    DescribeJob: serveUnary(
      workMethods.describeJob,
      ({ session, jobId }) => work.describeJob(session, jobId),
      report,
    ),
    ReportDevice: serveUnary(
      workMethods.reportDevice,
      ({ session, jobId, report: found }) => work.reportDevice(session, jobId, found),
      report,
    ),
    RequestLease: serveUnary(
      workMethods.requestLease,
      ({ session, waitMs, running }, { signal }) => work.requestLease(session, waitMs, running, signal),
      report,
    ),
    Heartbeat: serveUnary(workMethods.heartbeat, (heartbeat) => work.heartbeat(heartbeat, NEVER), report),
    OfferPartial: serveUnary(
      workMethods.offerPartial,
      ({ session, jobId, partial, traceparent }) => work.offerPartial(session, jobId, partial, traceparent),
      report,
    ),
    FailAttempt: serveUnary(
      workMethods.failAttempt,
      ({ session, lease, error }) => work.failAttempt(session, lease, error),
      report,
    ),
    ReleaseLease: serveUnary(
      workMethods.releaseLease,
      ({ session, lease }) => work.releaseLease(session, lease),
      report,
    ),
    Leave: serveUnary(
      workMethods.leave,
      ({ session, gpuFault }) => work.leave(session, gpuFault, NEVER),
      report,
    ),
  };
}
