import type { UntypedServiceImplementation } from "@grpc/grpc-js";
import { jobsMethods } from "../../shared/wire/methods-jobs.ts";
import { workersMethods } from "../../shared/wire/methods-workers.ts";
import type { JobsService, WorkersService } from "../../shared/wire/services.ts";
import { serveServerStream } from "../../shared/wire/streams.ts";
import { type ReportFailure, serveUnary } from "../../shared/wire/unary.ts";
import type { AuditLog } from "../access/audit-log.ts";

export function jobsHandlers(
  jobs: JobsService,
  report: ReportFailure,
  audit: AuditLog,
): UntypedServiceImplementation {
  return {
    SubmitJob: serveUnary(
      jobsMethods.submitJob,
      async ({ spec, fresh }, { signal, who }) => {
        const submitted = await jobs.submitJob(spec, { fresh }, signal);
        const { jobId, output } = submitted.job;
        audit.record(who, { event: "submitted", job: jobId, output });
        return submitted;
      },
      report,
    ),
    GetJob: serveUnary(jobsMethods.getJob, ({ jobId }, { signal }) => jobs.getJob(jobId, signal), report),
    ListJobs: serveUnary(jobsMethods.listJobs, (_request, { signal }) => jobs.listJobs(signal), report),
    WatchJob: serveServerStream(
      jobsMethods.watchJob,
      ({ jobId }, signal) => jobs.watchJob(jobId, signal),
      report,
    ),
    CancelJob: serveUnary(
      jobsMethods.cancelJob,
      async ({ jobId, reason }, { signal, who }) => {
        const cancelled = await jobs.cancelJob(jobId, reason, signal);
        audit.record(who, { event: "cancelled", job: cancelled.jobId, reason });
        return cancelled;
      },
      report,
    ),
  };
}

export function workersHandlers(
  workers: WorkersService,
  report: ReportFailure,
): UntypedServiceImplementation {
  return {
    ListWorkers: serveUnary(
      workersMethods.listWorkers,
      (_request, { signal }) => workers.listWorkers(signal),
      report,
    ),
  };
}
