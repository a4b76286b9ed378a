import type { UntypedServiceImplementation } from "@grpc/grpc-js";
import { NEVER } from "../../shared/core/abort.ts";
import type { Method } from "../../shared/wire/method.ts";
import { workMethods } from "../../shared/wire/methods-work.ts";
import type { WorkService } from "../../shared/wire/services.ts";
import { type ReportFailure, serveUnary } from "../../shared/wire/unary.ts";
import type { AuditLog } from "../access/audit-log.ts";
import { type CarriedCaller, CarriedCalls, type CarriedMethod, carried } from "./carried-calls.ts";

interface WorkHandlers {
  readonly handlers: UntypedServiceImplementation;
  /** Streams of calls. They must be closed with the server. */
  readonly calls: CarriedCalls;
}

/**
 * Handlers of calls from workers. Only `RequestLease` needs to detect that its worker has disconnected. The
 * others are answered at once, and take effect even if the answer is lost.
 */
export function workHandlers(work: WorkService, report: ReportFailure, audit: AuditLog): WorkHandlers {
  const methods: CarriedMethod[] = [];
  const carrying = <Request, Response>(
    method: Method<Request, Response>,
    answer: (request: Request, caller: CarriedCaller) => Promise<Response>,
  ) => {
    methods.push(carried(method, answer));
    return serveUnary(method, answer, report);
  };
  const handlers: UntypedServiceImplementation = {
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
    RequestLease: carrying(workMethods.requestLease, ({ session, waitMs, running }, { signal }) =>
      work.requestLease(session, waitMs, running, signal),
    ),
    Heartbeat: carrying(workMethods.heartbeat, (heartbeat) => work.heartbeat(heartbeat, NEVER)),
    OfferPartial: carrying(workMethods.offerPartial, ({ session, jobId, partial, traceparent }) =>
      work.offerPartial(session, jobId, partial, traceparent),
    ),
    FailAttempt: carrying(workMethods.failAttempt, ({ session, lease, error }) =>
      work.failAttempt(session, lease, error),
    ),
    ReleaseLease: carrying(workMethods.releaseLease, ({ session, lease }) =>
      work.releaseLease(session, lease),
    ),
    Leave: serveUnary(
      workMethods.leave,
      ({ session, gpuFault }) => work.leave(session, gpuFault, NEVER),
      report,
    ),
  };
  const calls = new CarriedCalls(methods, report);
  return { handlers: { ...handlers, Calls: calls.handler }, calls };
}
