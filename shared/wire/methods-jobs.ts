import { ShardmillError } from "../core/errors.ts";
import { formatBytes } from "../core/units.ts";
import type { JobSpec } from "../domain/job-spec.ts";
import type { Codec } from "./codec.ts";
import { decodeJobSpec, encodeJson } from "./codec-job.ts";
import { jobStatusCodec } from "./codec-status.ts";
import { field } from "./field.ts";
import { defineMethod, noArguments } from "./method.ts";
import { MAX_REQUEST_BYTES, type SubmittedJob } from "./services.ts";
import { onlyField, tableCodec } from "./table-codec.ts";

interface Submission {
  readonly spec: JobSpec;
  readonly fresh: boolean;
}

interface Cancellation {
  readonly jobId: string;
  readonly reason: string;
}

const submissionCodec: Codec<Submission> = {
  encode: ({ spec, fresh }) => ({ specJson: encodeSpec(spec), fresh }),
  decode: (message) => ({ spec: decodeJobSpec(message.bytes("specJson")), fresh: message.flag("fresh") }),
};

/** The rest of a submission: a flag and what the wire adds. */
const BESIDE_SPEC_BYTES = 1024;

/** @throws {SPEC_INVALID} when the spec is too large for a message: the coordinator would only say that */
function encodeSpec(spec: JobSpec): Buffer {
  const json = encodeJson(spec);
  if (json.length <= MAX_REQUEST_BYTES - BESIDE_SPEC_BYTES) return json;
  const [found, most] = [json.length, MAX_REQUEST_BYTES].map(formatBytes);
  throw new ShardmillError("SPEC_INVALID", `the job has ${found} as JSON, and a coordinator takes ${most}`, {
    fields: { bytes: json.length, mostBytes: MAX_REQUEST_BYTES },
    hint:
      "what YAML aliases stand for is written out: make lists of labels and columns shorter (`columns` takes a pattern), " +
      "or give the job file to `shardmill run` or `shardmill coordinator`",
  });
}

/** The id may be empty: the job submitted last. */
const jobId = { jobId: field.text };
const getJob = tableCodec<{ readonly jobId: string }>("GetJobRequest", jobId);
const watchJob = tableCodec<{ readonly jobId: string }>("WatchJobRequest", jobId);
const cancelJob = tableCodec<Cancellation>("CancelJobRequest", { ...jobId, reason: field.text });

/** A handful is usual. */
const MOST_NOTES = 100;

const submitted = tableCodec<SubmittedJob>("SubmitJobResponse", {
  job: field.message(jobStatusCodec),
  nothingNew: field.flag,
  notes: {
    proto: "repeated string",
    encode: (notes) => notes.slice(0, MOST_NOTES),
    decode: (m, f) => m.texts(f, MOST_NOTES),
  },
});
const oneJob = onlyField("job", field.message(jobStatusCodec));
const allJobs = onlyField("jobs", field.list(jobStatusCodec));

export const jobsMethods = {
  submitJob: defineMethod("JobsService", "SubmitJob", submissionCodec, submitted),
  getJob: defineMethod("JobsService", "GetJob", getJob, oneJob),
  listJobs: defineMethod("JobsService", "ListJobs", noArguments, allJobs),
  watchJob: defineMethod("JobsService", "WatchJob", watchJob, oneJob),
  cancelJob: defineMethod("JobsService", "CancelJob", cancelJob, oneJob),
} as const;
