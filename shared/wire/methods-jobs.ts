import type { JobSpec } from "../domain/job-spec.ts";
import type { JobStatus } from "../domain/job-status.ts";
import { decodeJobSpec, encodeJson } from "./codec-job.ts";
import { jobStatusCodec } from "./codec-status.ts";
import { defineMethod, noArguments } from "./method.ts";
import type { Codec } from "./wire-message.ts";

interface Submission {
  readonly spec: JobSpec;
  readonly fresh: boolean;
}

interface Cancellation {
  readonly jobId: string;
  readonly reason: string;
}

const submissionCodec: Codec<Submission> = {
  encode: ({ spec, fresh }) => ({ specJson: encodeJson(spec), fresh }),
  decode: (message) => ({ spec: decodeJobSpec(message.bytes("specJson")), fresh: message.flag("fresh") }),
};

/** The id may be empty: the job submitted last. */
const jobIdCodec: Codec<{ readonly jobId: string }> = {
  encode: ({ jobId }) => ({ jobId }),
  decode: (message) => ({ jobId: message.text("jobId") }),
};

const cancellationCodec: Codec<Cancellation> = {
  encode: ({ jobId, reason }) => ({ jobId, reason }),
  decode: (message) => ({ jobId: message.text("jobId"), reason: message.text("reason") }),
};

/** A response that is one job's status. */
const oneJobCodec: Codec<JobStatus> = {
  encode: (status) => ({ job: jobStatusCodec.encode(status) }),
  decode: (message) => jobStatusCodec.decode(message.message("job")),
};

const allJobsCodec: Codec<readonly JobStatus[]> = {
  encode: (statuses) => ({ jobs: statuses.map(jobStatusCodec.encode) }),
  decode: (message) => message.list("jobs").map(jobStatusCodec.decode),
};

export const jobsMethods = {
  submitJob: defineMethod("JobsService", "SubmitJob", submissionCodec, oneJobCodec),
  getJob: defineMethod("JobsService", "GetJob", jobIdCodec, oneJobCodec),
  listJobs: defineMethod("JobsService", "ListJobs", noArguments, allJobsCodec),
  watchJob: defineMethod("JobsService", "WatchJob", jobIdCodec, oneJobCodec),
  cancelJob: defineMethod("JobsService", "CancelJob", cancellationCodec, oneJobCodec),
} as const;
