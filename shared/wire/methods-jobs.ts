import type { JobId } from "../domain/job-id.ts";
import { jobStatusCodec } from "./codec-status.ts";
import { field } from "./field.ts";
import { defineMethod, noArguments } from "./method.ts";
import { onlyField, tableCodec } from "./table-codec.ts";

interface Cancellation {
  readonly jobId: JobId;
  readonly reason: string;
}

/** Job id. Empty: the job submitted last. */
const jobId = { jobId: field.askedJobId };
const getJob = tableCodec<{ readonly jobId: JobId }>("GetJobRequest", jobId);
const watchJob = tableCodec<{ readonly jobId: JobId }>("WatchJobRequest", jobId);
const pauseJob = tableCodec<{ readonly jobId: JobId }>("PauseJobRequest", jobId);
const resumeJob = tableCodec<{ readonly jobId: JobId }>("ResumeJobRequest", jobId);
const setJobPriority = tableCodec<{ readonly jobId: JobId; readonly priority: number }>(
  "SetJobPriorityRequest",
  { ...jobId, priority: field.integer },
);
const cancelJob = tableCodec<Cancellation>("CancelJobRequest", { ...jobId, reason: field.text });

const oneJob = onlyField("job", field.message(jobStatusCodec));
const allJobs = onlyField("jobs", field.list(jobStatusCodec));

/** Methods of JobsService, except those of {@link submitMethods}. */
export const jobsMethods = {
  getJob: defineMethod("JobsService", "GetJob", getJob, oneJob),
  listJobs: defineMethod("JobsService", "ListJobs", noArguments, allJobs),
  watchJob: defineMethod("JobsService", "WatchJob", watchJob, oneJob),
  cancelJob: defineMethod("JobsService", "CancelJob", cancelJob, oneJob),
  pauseJob: defineMethod("JobsService", "PauseJob", pauseJob, oneJob),
  resumeJob: defineMethod("JobsService", "ResumeJob", resumeJob, oneJob),
  setJobPriority: defineMethod("JobsService", "SetJobPriority", setJobPriority, oneJob),
} as const;
