import type { Digest } from "../../shared/core/digest.ts";
import type { JobDigests } from "../../shared/domain/job.ts";
import type { JobId } from "../../shared/domain/job-id.ts";

/** Returns a short job id, unlike those of a coordinator. */
export const aJobId = (text: string) => text as JobId;

/** Returns a short digest, which no bytes have. */
export const aDigest = (text: string) => text as Digest;

/** Returns the digests of a job, with short values. */
export const jobDigests = (spec: string, input: string, model: string): JobDigests => ({
  spec: aDigest(spec),
  input: aDigest(input),
  model: aDigest(model),
});
