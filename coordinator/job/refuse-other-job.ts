import { ShardmillError } from "../../shared/core/errors.ts";
import type { JobDigests, PlannedJob } from "../../shared/domain/job.ts";
import type { JobSpec } from "../../shared/domain/job-spec.ts";
import type { OutputManifest } from "../../shared/domain/manifest.ts";

const DIGEST_WORDS = {
  spec: "the job file",
  input: "the input",
  model: "the model",
} as const satisfies Record<keyof JobDigests, string>;

/** What says which job it is, and whether folders are columns of its input. */
export type IdentifiedJob = Pick<PlannedJob, "digests" | "partitions">;

/**
 * That the unfinished job of an output folder is this one.
 *
 * @throws {JOB_MISMATCH} naming what differs
 */
export function refuseOtherJob(before: JobDigests, now: IdentifiedJob): void {
  const differs = differingParts(before, now.digests);
  if (differs.length === 0) return;
  throw new ShardmillError(
    "JOB_MISMATCH",
    `the output folder holds an unfinished run of another job: ${listed(differs)} changed since`,
    {
      fields: Object.fromEntries(
        differs.map((part) => [
          part,
          `${before[part].slice(0, 12)} then, ${now.digests[part].slice(0, 12)} now`,
        ]),
      ),
      hint: `bring it back as it was to resume, or run with --fresh to start over${foldersHint(differs, now)}`,
    },
  );
}

/**
 * That the result of an output folder is this job's.
 *
 * @throws {OUTPUT_OCCUPIED} naming what differs
 */
export function refuseOtherResult(spec: JobSpec, manifest: OutputManifest, now: IdentifiedJob): void {
  const differs = differingParts(manifest.digests, now.digests);
  if (differs.length === 0) return;
  throw new ShardmillError(
    "OUTPUT_OCCUPIED",
    `${spec.output.path} holds the result of another job: ${listed(differs)} changed since`,
    {
      fields: { path: spec.output.path, job: manifest.job.id },
      hint: `choose another output.path, or run with --fresh to throw that result away${foldersHint(differs, now)}`,
    },
  );
}

/**
 * That the runs before are of the same model and the same job file: all of them are read as one dataset.
 *
 * @throws {JOB_MISMATCH} naming what differs
 */
export function refuseOtherRuns(
  { before, spec }: { readonly before: OutputManifest | null; readonly spec: JobSpec },
  now: IdentifiedJob,
): void {
  if (before === null) return;
  const differs = differingParts(before.digests, now.digests).filter((part) => part !== "input");
  if (differs.length === 0) return;
  throw new ShardmillError(
    "JOB_MISMATCH",
    `the runs beside ${spec.output.path} are of another job: ${listed(differs)} changed since the last`,
    {
      fields: { path: spec.output.path, job: before.job.id },
      hint: "bring it back as it was, or choose another output.path: there all files are new",
    },
  );
}

/** Folders were no columns once: what is a job's input since then may be all that changed. */
function foldersHint(differs: readonly (keyof JobDigests)[], { partitions }: IdentifiedJob): string {
  if (!differs.includes("input") || partitions.kind === "none") return "";
  return "; to go on with what an earlier build began, for which folders name=value were no columns, set input.partitions to none";
}

function differingParts(before: JobDigests, now: JobDigests): (keyof JobDigests)[] {
  return (["spec", "input", "model"] as const).filter((part) => before[part] !== now[part]);
}

function listed(parts: readonly (keyof JobDigests)[]): string {
  return parts.map((part) => DIGEST_WORDS[part]).join(" and ");
}
