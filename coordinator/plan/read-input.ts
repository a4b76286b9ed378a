import type { Dataset, Field } from "../../shared/domain/dataset.ts";
import type { JobSpec } from "../../shared/domain/job-spec.ts";
import { type JobStores, NO_STORES } from "../../shared/domain/job-stores.ts";
import type { LeftOut } from "../../shared/domain/left-out.ts";
import type { Partitions } from "../../shared/domain/partition.ts";
import { withFolders } from "./footers/partitioned-footers.ts";
import { readFooters } from "./footers/read-footers.ts";
import { type FileFooter, sealDataset } from "./footers/seal-dataset.ts";
import { discoverFiles, type FoundInput } from "./input/discover.ts";
import { refuseOtherTypes, typesOfFiles } from "./input/partition-types.ts";
import {
  besideColumns,
  type FoundPartitions,
  findPartitions,
  withoutPartitions,
} from "./input/partitions.ts";
import { PlanProgress } from "./plan-progress.ts";
import { type LookOptions, ruleOutFiles } from "./where/rule-out-files.ts";

/** What is known of a job's input without reading its rows. */
interface ReadInput extends ReadFiles {
  readonly dataset: Dataset;
  readonly leftOut: readonly LeftOut[];
  /** What the job says of its stores, with the addresses of its files on web servers. */
  readonly stores: JobStores;
}

interface ReadFiles {
  readonly footers: readonly FileFooter[];
  readonly partitions: Partitions;
}

export interface ReadInputOptions {
  /** What the job says of its stores. Left out: nothing. */
  readonly stores?: JobStores;
  readonly progress?: PlanProgress | undefined;
  /** What the input is, where that is known. Left out: it is listed. */
  readonly found?: FoundInput | undefined;
}

/**
 * The input's files, what their footers and their folders say, and all of them as one dataset.
 *
 * @throws {SPEC_INVALID} and the INPUT_ and STORE_ codes
 */
export async function readInput(
  job: Pick<JobSpec, "input" | "output">,
  signal: AbortSignal,
  { stores = NO_STORES, progress = new PlanProgress(), found }: ReadInputOptions = {},
): Promise<ReadInput> {
  const { input, output } = job;
  const onFound = (files: number) => {
    progress.filesFound += files;
  };
  const discovered = found ?? (await discoverFiles(input, output.path, signal, { stores, onFound }));
  const options = { signal, stores: discovered.stores, progress };
  const all = findPartitions(discovered.files, input.partitions, input.types);
  // What a run has not read is new to the next: so all of it is read, if only to see that no row is wanted.
  const { files, leftOut } =
    input.new === true ? { files: all.files, leftOut: [] } : await ruleOutFiles(all, input, options);
  const ruled = leftOut.length > 0 || input.types !== undefined;
  const first = await readFiles({ ...all, files }, job, options);
  const { partitions } = first;
  // Folders that are no columns after all rule no file out, and no type is theirs.
  const isMistaken = ruled && all.partitions.kind === "hive" && partitions.kind === "none";
  const read = isMistaken
    ? await readFiles(withoutPartitions(discovered.files, partitions.why), job, options)
    : first;
  return {
    ...read,
    stores: discovered.stores,
    dataset: sealDataset(read.footers),
    leftOut: isMistaken ? discovered.leftOut : [...discovered.leftOut, ...leftOut],
  };
}

async function readFiles(
  found: FoundPartitions,
  { input, output }: Pick<JobSpec, "input" | "output">,
  { signal, stores, progress }: LookOptions & { readonly progress: PlanProgress },
): Promise<ReadFiles> {
  const { csv = null, types = {} } = input;
  const text = { csv, types: typesOfFiles(types, found.partitions) };
  const onRead = (read: number) => {
    progress.footers = { read, of: found.files.length };
  };
  onRead(0);
  const own = await readFooters(found.files, {
    signal,
    stores,
    named: namedColumns(input, output),
    text,
    onRead,
  });
  const { files, partitions } = besideColumns(found, fieldsOfAny(own), input.partitions);
  refuseOtherTypes({ files, partitions }, types);
  const footers = withFolders(
    own,
    files.map((file) => file.partitions),
  );
  return { footers, partitions };
}

/** What names the columns of which plans ask more than their types: what rules rows out, or makes folders. */
function namedColumns({ where }: JobSpec["input"], { partitionBy = [] }: JobSpec["output"]): string | null {
  const quoted = partitionBy.map((name) => name.replaceAll('"', '""'));
  return where === undefined && quoted.length === 0 ? null : [where ?? "", ...quoted].join("\n");
}

/** Files of one schema share it. */
function fieldsOfAny(footers: readonly FileFooter[]): Field[] {
  return [...new Set(footers.map(({ fields }) => fields))].flat();
}
