import type { UntypedServiceImplementation } from "@grpc/grpc-js";
import { present } from "../../shared/core/assert.ts";
import { isShardmillError } from "../../shared/core/errors.ts";
import type { JobSpec } from "../../shared/domain/job-spec.ts";
import type { Method } from "../../shared/wire/method.ts";
import { jobsMethods } from "../../shared/wire/methods-jobs.ts";
import { isWritten, submitMethods } from "../../shared/wire/methods-submit.ts";
import type { JobsService, SubmittedJob, WrittenJob } from "../../shared/wire/services.ts";
import { serveServerStream } from "../../shared/wire/streams.ts";
import { type ReportFailure, serveUnary } from "../../shared/wire/unary.ts";
import { type AuditLog, refusedAs } from "../access/audit-log.ts";
import { SUBMIT } from "../access/judge.ts";

export function jobsHandlers(
  jobs: JobsService,
  report: ReportFailure,
  audit: AuditLog,
): UntypedServiceImplementation {
  return {
    SubmitJob: serveUnary(
      submitMethods.submitJob,
      async ({ job, ...options }, { signal, who }) => {
        const by = { name: who.name, role: present(who.role, "a submitter has a role") };
        const submission = { ...options, by };
        const submitting = isWritten(job)
          ? submitWritten(job, (spec) => jobs.submitJob(spec, submission, signal))
          : jobs.submitJob(job, submission, signal);
        const submitted = await submitting.catch((error: unknown) => {
          if (isBeyondRights(error)) audit.record(who, refusedAs(SUBMIT, error));
          throw error;
        });
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
      ({ jobId }, { signal }) => jobs.watchJob(jobId, signal),
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
    ...standingHandlers(jobs, report, audit),
  };
}

/**
 * Submits a job file as text. Errors name its lines. Variables come only from the request, because the
 * coordinator's own may be secret. A job with a schedule is submitted as one run.
 */
async function submitWritten(
  { text, path, set, variables, at }: WrittenJob,
  submit: (spec: JobSpec) => Promise<SubmittedJob>,
): Promise<SubmittedJob> {
  // Load YAML here: a coordinator without a job of its own has not needed it so far.
  const { textOfJob } = await import("../../shared/job-file/read-job-file.ts");
  const { parseRun } = await import("../../shared/job-file/read-run.ts");
  const options = { path, set, env: variables, at: at === "" ? undefined : at };
  const { spec, runId, withLines } = parseRun(textOfJob(path, text), options, Date.now());
  try {
    const submitted = await submit(spec);
    if (runId === null) return submitted;
    const note = `run ${runId} of a schedule, into ${spec.output.path}`;
    return { ...submitted, notes: [note, ...submitted.notes] };
  } catch (error) {
    throw withLines(error);
  }
}

/** Checks whether an error says that the submitter's role does not allow the job. */
function isBeyondRights(error: unknown): boolean {
  return isShardmillError(error, "MODULES_REFUSED") || isShardmillError(error, "LOCATION_REFUSED");
}

/** Handlers of calls that pause, resume or prioritise a job. */
function standingHandlers(
  jobs: JobsService,
  report: ReportFailure,
  audit: AuditLog,
): UntypedServiceImplementation {
  return {
    PauseJob: serveUnary(
      jobsMethods.pauseJob,
      async ({ jobId }, { signal, who }) => {
        const paused = await jobs.pauseJob(jobId, signal);
        audit.record(who, { event: "paused", job: paused.jobId });
        return paused;
      },
      report,
    ),
    ResumeJob: serveUnary(
      jobsMethods.resumeJob,
      async ({ jobId }, { signal, who }) => {
        const resumed = await jobs.resumeJob(jobId, signal);
        audit.record(who, { event: "resumed", job: resumed.jobId });
        return resumed;
      },
      report,
    ),
    SetJobPriority: serveUnary(
      jobsMethods.setJobPriority,
      async ({ jobId, priority }, { signal, who }) => {
        const job = await jobs.setJobPriority(jobId, priority, signal);
        audit.record(who, { event: "prioritised", job: job.jobId, priority });
        return job;
      },
      report,
    ),
  };
}

/** Handlers of a service with a single method whose request is empty. */
export function infoHandlers<Answer>(
  method: Method<object, Answer>,
  call: (signal: AbortSignal) => Promise<Answer>,
  report: ReportFailure,
): UntypedServiceImplementation {
  return { [method.name]: serveUnary(method, (_request, { signal }) => call(signal), report) };
}
