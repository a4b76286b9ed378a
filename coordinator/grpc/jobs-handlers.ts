import type { UntypedServiceImplementation } from "@grpc/grpc-js";
import { jobsMethods } from "../../shared/wire/methods-jobs.ts";
import { workersMethods } from "../../shared/wire/methods-workers.ts";
import type { JobsService, WorkersService } from "../../shared/wire/services.ts";
import { serveServerStream } from "../../shared/wire/streams.ts";
import { type ReportFailure, serveUnary } from "../../shared/wire/unary.ts";

export function jobsHandlers(jobs: JobsService, report: ReportFailure): UntypedServiceImplementation {
  return {
    SubmitJob: serveUnary(
      jobsMethods.submitJob,
      ({ spec, fresh }, { signal }) => jobs.submitJob(spec, { fresh }, signal),
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
      ({ jobId, reason }, { signal }) => jobs.cancelJob(jobId, reason, signal),
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
