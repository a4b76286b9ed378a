import type { Dataset } from "../../shared/domain/dataset.ts";
import type { JobSpec } from "../../shared/domain/job-spec.ts";
import type { LeftOut } from "../../shared/domain/left-out.ts";
import type { Partitions } from "../../shared/domain/partition.ts";
import { withFolders } from "./footers/partitioned-footers.ts";
import { readFooters } from "./footers/read-footers.ts";
import { type FileFooter, sealDataset } from "./footers/seal-dataset.ts";
import { discoverFiles } from "./input/discover.ts";
import { besideColumns, findPartitions } from "./input/partitions.ts";
import { ruleOutFiles } from "./where/rule-out-files.ts";

/** What is known of a job's input without reading its rows. */
interface ReadInput {
  readonly dataset: Dataset;
  readonly footers: readonly FileFooter[];
  readonly leftOut: readonly LeftOut[];
  readonly partitions: Partitions;
}

/**
 * The input's files, what their footers and their folders say, and all of them as one dataset.
 *
 * @throws {SPEC_INVALID} and the INPUT_ and STORE_ codes
 */
export async function readInput(
  { input, output }: Pick<JobSpec, "input" | "output">,
  signal: AbortSignal,
): Promise<ReadInput> {
  const discovered = await discoverFiles(input, output.path, signal);
  const all = findPartitions(discovered.files, input.partitions);
  const { files, leftOut } = await ruleOutFiles(all, input, signal);
  const { where = null, csv = null, types = {} } = input;
  const own = await readFooters(files, { signal, where, text: { csv, types } });
  const found = besideColumns({ ...all, files }, own[0]?.fields ?? [], input.partitions);
  const footers = withFolders(
    own,
    found.files.map(({ partitions }) => partitions),
  );
  return {
    dataset: sealDataset(footers),
    footers,
    leftOut: [...discovered.leftOut, ...leftOut],
    partitions: found.partitions,
  };
}
