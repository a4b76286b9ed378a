import type { Digest } from "../../shared/core/digest.ts";
import type { JobDigests } from "../../shared/domain/job.ts";
import type { JobId } from "../../shared/domain/job-id.ts";

/** A job id of a few letters, as no coordinator gives it. */
export const aJobId = (text: string) => text as JobId;

/** A digest of a few letters, which no bytes have. */
export const aDigest = (text: string) => text as Digest;

/** What identifies a job, in a few letters each. */
export const jobDigests = (spec: string, input: string, model: string): JobDigests => ({
  spec: aDigest(spec),
  input: aDigest(input),
  model: aDigest(model),
});
