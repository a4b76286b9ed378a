import { type Problem, ShardmillError } from "../../shared/core/errors.ts";
import { diffColumns, type FieldDifference, shownColumns } from "../../shared/dataset/field-differences.ts";
import type { JobDigests, PlannedJob } from "../../shared/domain/job.ts";
import type { JobSpec } from "../../shared/domain/job-spec.ts";
import { folderOf, parseLocation } from "../../shared/domain/location.ts";
import { publishedFields } from "../../shared/domain/output-fields.ts";
import type { IdentifiedJob } from "../plan/identify-job.ts";
import type { FoundInput, LocatedFile } from "../plan/input/discover.ts";
import { differingParts, partsText } from "../plan/same-job.ts";
import type { NewRun, NothingNew } from "./next-run.ts";
import type { PublishedRun } from "./read-runs.ts";

interface Published {
  readonly map: Parameters<typeof publishedFields>[0];
}

/**
 * Checks that a run has the model, the job file and the columns of earlier runs. All runs are read as one
 * dataset.
 *
 * @throws {JOB_MISMATCH} naming what differs
 */
export function refuseOtherRuns(
  { spec, published }: Pick<NewRun, "spec" | "published">,
  planned: IdentifiedJob & Published,
): void {
  const before = published.at(-1);
  if (before === undefined) return;
  // Columns first: types that only the new files give may also have changed the digest of the job file.
  refuseOtherColumns(published, spec, planned);
  refuseOtherDigests(before, planned);
}

function refuseOtherColumns(
  published: NewRun["published"],
  spec: JobSpec,
  planned: Pick<PlannedJob, "partitions"> & Published,
): void {
  // Manifests of earlier builds have no columns.
  const reference = published.findLast(({ manifest }) => manifest.columns !== null);
  const columns = shownColumns(publishedFields(planned.map));
  const differences = diffColumns(reference?.manifest.columns ?? columns, columns);
  if (reference === undefined || differences.length === 0) return;
  throw new ShardmillError(
    "JOB_MISMATCH",
    `the rows would have other columns than those of ${reference.output}, with which they are read`,
    {
      fields: { path: spec.output.path, columns: differences.length },
      problems: differences.map((difference) => problemOf(difference, planned)),
      hint: "set the type of a column of folders or text files with input.types, or choose another output.path: there all files are new",
    },
  );
}

/**
 * Checks that a job without new files is still the job of its runs. Otherwise it would report success until
 * the next file arrives, and then fail. Equal digests of the job file and the model need no further check.
 * One file of the input usually gives equal digests. If not, several files together may have other types than
 * one file, so a run's own files are identified.
 *
 * @param identify returns the digests of the job over an input
 * @throws {JOB_MISMATCH} naming what differs
 * @throws what `identify` throws
 */
export async function refuseOtherJobThan(
  { last, listed, published }: Pick<NothingNew, "last" | "listed" | "published">,
  identify: (found: NothingNew["listed"]) => Promise<IdentifiedJob>,
): Promise<void> {
  // A file list may name no file any more.
  if (listed.files.length === 0) return;
  // One file is enough: the digests depend only on the columns of the input.
  const byOne = await identify({ ...listed, files: listed.files.slice(0, 1) });
  const differs = differingFrom(last, byOne);
  if (differs.length === 0) return;
  // The model's digest does not depend on the input.
  if (differs.includes("model")) throw otherJob(last, differs);
  for (const run of published.toReversed()) {
    const files = filesOf(run, listed);
    if (files === null) continue;
    refuseOtherDigests(run, await identify({ ...listed, files }));
    return;
  }
  // No run has all of its files any more. The next run over new files makes the check.
}

/** Returns the files that a run has read, in the order of `listed`. Null: a file is missing or changed. */
function filesOf({ manifest }: PublishedRun, listed: FoundInput): FoundInput["files"] | null {
  const byName = new Map<string, LocatedFile>();
  for (const file of listed.files) byName.set(file.realPath, file).set(file.path, file);
  const read = (manifest.inputFiles ?? []).map(({ path, realPath = path, bytes, version }) => {
    const file = byName.get(path) ?? byName.get(realPath);
    return file?.bytes === bytes && file.version === version ? file : null;
  });
  const own = new Set(read);
  return own.has(null) || own.size === 0 ? null : listed.files.filter((file) => own.has(file));
}

function differingFrom({ manifest }: PublishedRun, now: IdentifiedJob): (keyof JobDigests)[] {
  return differingParts(manifest.digests, now.digests).filter((part) => part !== "input");
}

/** @throws {JOB_MISMATCH} when a digest differs from that of the run */
function refuseOtherDigests(run: PublishedRun, now: IdentifiedJob): void {
  const differs = differingFrom(run, now);
  if (differs.length > 0) throw otherJob(run, differs);
}

function otherJob(
  { output, manifest }: PublishedRun,
  differs: readonly (keyof JobDigests)[],
): ShardmillError {
  return new ShardmillError(
    "JOB_MISMATCH",
    `the runs in ${folderOf(output)} are of another job: ${partsText(differs)} changed since the last`,
    {
      fields: { path: output, job: manifest.job.id },
      hint: "restore what changed, or choose another output.path: there all files are new",
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
      return { where, what: "is in no previous run", expected: "none", found: difference.found };
    case "type": {
      const { expected, found } = difference;
      const isFolder = partitions.kind === "hive" && partitions.fields.some((field) => field.name === name);
      if (!isFolder) return { where, what: "has another type", expected, found };
      const what = "has another type, from the names of the new folders";
      return {
        where,
        what,
        expected,
        found,
        hint: `set input.types.${name}: then the names of folders do not decide the type`,
      };
    }
  }
}

/** Returns the folder that holds the runs of a planned job over new files. Other jobs: the output folder. */
export function placeOf({ input, output }: Pick<JobSpec, "input" | "output">): string {
  return input.new === true ? folderOf(parseLocation(output.path)) : output.path;
}
