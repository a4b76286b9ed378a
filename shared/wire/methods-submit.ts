import { isAbsolute } from "node:path";
import { ShardmillError } from "../core/errors.ts";
import { formatBytes } from "../core/units.ts";
import type { JobSpec } from "../domain/job-spec.ts";
import type { Codec } from "./codec.ts";
import { decodeJobSpec, encodeJson } from "./codec-job.ts";
import { jobStatusCodec } from "./codec-status.ts";
import { field } from "./field.ts";
import { defineMethod } from "./method.ts";
import { MAX_REQUEST_BYTES, type SubmissionOptions, type SubmittedJob, type WrittenJob } from "./services.ts";
import { tableCodec } from "./table-codec.ts";

interface Submission extends SubmissionOptions {
  readonly job: JobSpec | WrittenJob;
}

const submissionOptions = tableCodec<SubmissionOptions>("SubmitJobRequest", {
  fresh: field.flag,
  priority: field.orAbsent(field.integer),
});
const writtenJob = tableCodec<WrittenJob>(
  "JobFile",
  {
    text: field.bytes,
    path: field.text,
    set: field.texts,
    variables: {
      proto: "map<string, string>",
      encode: (variables) => variables,
      decode: (m, f) => Object.fromEntries(m.entries(f).map(([name, value]) => [name, String(value)])),
    },
    at: field.text,
  },
  ({ path }, message) => {
    if (!isAbsolute(path)) message.fail("path", "is not an absolute path");
  },
);

const submissionCodec: Codec<Submission> = {
  shape: {
    ...submissionOptions.shape,
    specJson: { proto: "bytes" },
    jobFile: { proto: "optional JobFile", inner: writtenJob.shape },
  },
  encode: ({ job, ...options }) => ({
    ...(isWritten(job) ? { jobFile: writtenJob.encode(job) } : { specJson: encodeSpec(job) }),
    ...submissionOptions.encode(options),
  }),
  decode: (message) => ({
    job: message.has("jobFile")
      ? writtenJob.decode(message.message("jobFile"))
      : decodeJobSpec(message.bytes("specJson")),
    ...submissionOptions.decode(message),
  }),
};

export function isWritten(job: JobSpec | WrittenJob): job is WrittenJob {
  return "variables" in job;
}

/** Reserve for the rest of a submission: its options and the encoding. */
const BESIDE_SPEC_BYTES = 1024;

/**
 * Encodes a spec. @throws {SPEC_INVALID} when it is too large for a message, with a better hint than the
 * coordinator's
 */
function encodeSpec(spec: JobSpec): Buffer {
  const json = encodeJson(spec);
  if (json.length <= MAX_REQUEST_BYTES - BESIDE_SPEC_BYTES) return json;
  const [found, most] = [json.length, MAX_REQUEST_BYTES].map(formatBytes);
  throw new ShardmillError(
    "SPEC_INVALID",
    `the job has ${found} as JSON, and a coordinator accepts ${most}`,
    {
      fields: { bytes: json.length, mostBytes: MAX_REQUEST_BYTES },
      hint:
        "make lists of labels and columns shorter (`columns` takes a pattern, and YAML aliases are expanded), " +
        "or give the job file to `shardmill run` or `shardmill coordinator`",
    },
  );
}

/** More than is usual, which is a handful. */
const MOST_NOTES = 100;

const submitted = tableCodec<SubmittedJob>("SubmitJobResponse", {
  job: field.message(jobStatusCodec),
  nothingNew: field.flag,
  notes: { ...field.texts, encode: (notes) => notes.slice(0, MOST_NOTES) },
});
/** Method of JobsService with a job in its request. It is apart, because it loads the schema of job files. */
export const submitMethods = {
  submitJob: defineMethod("JobsService", "SubmitJob", submissionCodec, submitted),
} as const;
