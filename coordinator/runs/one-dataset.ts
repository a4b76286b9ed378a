import { type Problem, ShardmillError } from "../../shared/core/errors.ts";
import { diffColumns, type FieldDifference, shownColumns } from "../../shared/dataset/field-differences.ts";
import type { PlannedJob } from "../../shared/domain/job.ts";
import type { JobSpec } from "../../shared/domain/job-spec.ts";
import { folderOf, parseLocation } from "../../shared/domain/location.ts";
import { publishedFields } from "../../shared/domain/output-fields.ts";
import type { IdentifiedJob } from "../plan/identify-job.ts";
import { differingParts, partsText } from "../plan/same-job.ts";
import type { NewRun, NothingNew } from "./next-run.ts";
import type { PublishedRun } from "./read-runs.ts";

/**
 * That a run is of the model and the job file of those before it, and has their columns: all of them are read
 * as one dataset.
 *
 * @throws {JOB_MISMATCH} naming what differs
 */
export function refuseOtherRuns(
  { spec, published }: Pick<NewRun, "spec" | "published">,
  planned: Pick<PlannedJob, "digests" | "partitions" | "map">,
): void {
  const before = published.at(-1);
  if (before === undefined) return;
  refuseOtherDigests(before, planned);
  // Those of an earlier build do not say.
  const reference = published.findLast(({ manifest }) => manifest.columns !== null);
  const columns = shownColumns(publishedFields(planned.map));
  const differences = diffColumns(reference?.manifest.columns ?? columns, columns);
  if (reference === undefined || differences.length === 0) return;
  throw new ShardmillError(
    "JOB_MISMATCH",
    `the rows would have other columns than those of ${reference.output}, beside which they are read`,
    {
      fields: { path: spec.output.path, columns: differences.length },
      problems: differences.map((difference) => problemOf(difference, planned)),
      hint: "a column of folders or of text files keeps its type where input.types sets it; else choose another output.path: there all files are new",
    },
  );
}

/**
 * That a job that has nothing to do is what its runs were of: else it would go on saying that all is well,
 * and fail with the next file. What was published by the same job file and the same model needs no other
 * check.
 *
 * @param identify finds out what identifies a job over an input
 * @throws {JOB_MISMATCH} naming what differs; what `identify` throws
 */
export async function refuseOtherJobThan(
  { last, listed }: Pick<NothingNew, "last" | "listed">,
  identify: (found: NothingNew["listed"]) => Promise<IdentifiedJob>,
): Promise<void> {
  // A list may have come to name nothing.
  if (listed.files.length === 0) return;
  // Of the input only the columns count.
  refuseOtherDigests(last, await identify({ ...listed, files: listed.files.slice(0, 1) }));
}

function refuseOtherDigests({ output, manifest }: PublishedRun, now: IdentifiedJob): void {
  const differs = differingParts(manifest.digests, now.digests).filter((part) => part !== "input");
  if (differs.length === 0) return;
  throw new ShardmillError(
    "JOB_MISMATCH",
    `the runs in ${folderOf(output)} are of another job: ${partsText(differs)} changed since the last`,
    {
      fields: { path: output, job: manifest.job.id },
      hint: "bring it back as it was, or choose another output.path: there all files are new",
    },
  );
}

function problemOf(difference: FieldDifference, { partitions }: Pick<PlannedJob, "partitions">): Problem {
  const { name } = difference;
  const where = `column ${name}`;
  switch (difference.kind) {
    case "missing":
      return { where, what: "is missing", expected: difference.expected, found: "none" };
    case "extra":
      return { where, what: "is in no run before", expected: "none", found: difference.found };
    case "type": {
      const { expected, found } = difference;
      const isFolder = partitions.kind === "hive" && partitions.fields.some((field) => field.name === name);
      if (!isFolder) return { where, what: "has another type", expected, found };
      const what = "has another type, by the names of the folders that are new";
      return {
        where,
        what,
        expected,
        found,
        hint: `set input.types.${name}: then their names do not decide`,
      };
    }
  }
}

/** The folder that the runs of a planned job over what is new lie in; of any other job its output. */
export function placeOf({ input, output }: Pick<JobSpec, "input" | "output">): string {
  return input.new === true ? folderOf(parseLocation(output.path)) : output.path;
}
