import { ShardmillError } from "../../shared/core/errors.ts";
import type { JobDigests } from "../../shared/domain/job.ts";
import type { JobSpec } from "../../shared/domain/job-spec.ts";
import type { OutputManifest } from "../../shared/domain/manifest.ts";
import type { IdentifiedJob } from "../plan/identify-job.ts";
import { differingParts, partsText } from "../plan/same-job.ts";

/**
 * Checks that the unfinished job in an output folder is this job.
 *
 * @throws {JOB_MISMATCH} names what differs
 */
export function refuseOtherJob(before: JobDigests, now: IdentifiedJob): void {
  const differs = differingParts(before, now.digests);
  if (differs.length === 0) return;
  throw new ShardmillError(
    "JOB_MISMATCH",
    `the output folder holds an unfinished run of another job: ${partsText(differs)} changed since`,
    {
      fields: Object.fromEntries(
        differs.map((part) => [
          part,
          `${before[part].slice(0, 12)} then, ${now.digests[part].slice(0, 12)} now`,
        ]),
      ),
      hint: "restore what changed to resume, or run with --fresh to start over",
    },
  );
}

/**
 * Checks that the result in an output folder is this job's.
 *
 * @throws {OUTPUT_OCCUPIED} names what differs
 */
export function refuseOtherResult(spec: JobSpec, manifest: OutputManifest, now: IdentifiedJob): void {
  const differs = differingParts(manifest.digests, now.digests);
  if (differs.length === 0) return;
  throw new ShardmillError(
    "OUTPUT_OCCUPIED",
    `${spec.output.path} holds the result of another job: ${partsText(differs)} changed since`,
    {
      fields: { path: spec.output.path, job: manifest.job.id },
      hint: "choose another output.path, or run with --fresh to replace that result",
    },
  );
}
