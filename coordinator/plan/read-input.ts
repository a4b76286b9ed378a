import type { Dataset, Field, PinnedTable } from "../../shared/domain/dataset.ts";
import { type ClassNames, commonClassNames } from "../../shared/domain/hugging-face.ts";
import type { JobSpec } from "../../shared/domain/job-spec.ts";
import { type JobStores, NO_STORES } from "../../shared/domain/job-stores.ts";
import type { Partitions } from "../../shared/domain/partition.ts";
import type { SkippedFiles } from "../../shared/domain/skipped-files.ts";
import type { TextCause } from "../../shared/domain/text-cause.ts";
import { listFooters } from "./footers/list-footers.ts";
import { withFolders } from "./footers/partitioned-footers.ts";
import { readFooters } from "./footers/read-footers.ts";
import { type FileFooter, sealDataset } from "./footers/seal-dataset.ts";
import { discoverFiles, type FolderRules, type FoundInput } from "./input/discover.ts";
import { type Pins, pinsOf } from "./input/lake-table.ts";
import { refuseOtherTypes, typesOfFiles } from "./input/partition-types.ts";
import {
  type FoundPartitions,
  findPartitions,
  partitionColumns,
  withoutPartitions,
} from "./input/partitions.ts";
import { PlanProgress } from "./plan-progress.ts";
import type { LookOptions } from "./where/folder-judge.ts";
import { ruleOutFiles } from "./where/rule-out-files.ts";
import { folderRules, isRuledRight } from "./where/rule-out-folders.ts";

/** Facts of a job's input that are known without reading its rows. */
interface ReadInput extends ReadFiles {
  readonly dataset: Dataset;
  readonly skippedFiles: readonly SkippedFiles[];
  /** Versions of the lake tables among the input. */
  readonly pins: readonly PinnedTable[];
  /** Settings of the job's stores, with the addresses of its files on web servers. */
  readonly stores: JobStores;
}

interface ReadFiles {
  readonly footers: readonly FileFooter[];
  readonly partitions: Partitions;
  /** Causes for which columns are text although most of their values are numbers. */
  readonly textCauses: readonly TextCause[];
  /** Names that all files give to the classes of a column. */
  readonly classes: ClassNames;
}

export interface ReadInputOptions {
  /** Settings of the job's stores. Default: none. */
  readonly stores?: JobStores;
  readonly progress?: PlanProgress | undefined;
  /** True when this process wrote the input files, so that reading them here is safe. Default: false. */
  readonly ownInput?: boolean;
  /** The input, if known. Default: the input is listed. */
  readonly found?: FoundInput | undefined;
  /** Versions of lake tables to read, see {@link Pins}. */
  readonly pins?: Pins | undefined;
  readonly signal: AbortSignal;
}

/**
 * Reads the input's files, footers and folders, and combines them into one dataset.
 *
 * @throws {SPEC_INVALID} and the INPUT_ and STORE_ codes
 */
export async function readInput(
  job: Job,
  {
    stores = NO_STORES,
    progress = new PlanProgress(),
    found,
    pins,
    ownInput = false,
    signal,
  }: ReadInputOptions,
): Promise<ReadInput> {
  const { input } = job;
  const list = { signal, stores, progress, pins, ownInput };
  const discovered = found ?? (await progress.part("list", () => findFiles(job, list)));
  const { ruled = null } = discovered;
  const options = { signal, stores: discovered.stores, progress, ownInput };
  const all = findPartitions(discovered.files, input.partitions, input.types, ruled?.folders);
  // A file that no run reads counts as new in the next run. So `input.new` reads every file, even without a
  // wanted row.
  const { files, skippedFiles } =
    input.new === true
      ? { files: all.files, skippedFiles: [] }
      : await ruleOutFiles(all, input, options, ruled?.judge);
  const first = await readFiles({ ...all, files }, job, options);
  const { partitions } = first;
  const read = { stores: discovered.stores, pins: pinsOf(discovered.files), ...first };
  const isMistaken = all.partitions.kind === "hive" && partitions.kind === "none";
  const isPartial = ruled !== null && ruled.folders.length > 0;
  const isRuled = isPartial || skippedFiles.length > 0 || input.types !== undefined;
  if (!isMistaken || !isRuled)
    return {
      ...read,
      dataset: sealDataset(read.footers),
      skippedFiles: [...discovered.skippedFiles, ...skippedFiles],
    };
  // The folders are not columns: they exclude no files and have no types, so all files are read again.
  const every = isPartial ? await listAll(job, list) : discovered;
  const again = await readFiles(withoutPartitions(every.files, partitions.why), job, options);
  return { ...read, ...again, dataset: sealDataset(again.footers), skippedFiles: every.skippedFiles };
}

type Job = Pick<JobSpec, "input" | "output">;
type ListOptions = LookOptions & {
  readonly progress: PlanProgress;
  readonly pins?: Pins | undefined;
  readonly ownInput: boolean;
};

/** Lists the input without the folders that can be excluded before they are listed. */
async function findFiles(job: Job, options: ListOptions): Promise<FoundInput> {
  const rules = folderRules(job.input, { signal: options.signal });
  const found = await listAll(job, options, rules);
  return isRuledRight(found, job.input) ? found : await listAll(job, options);
}

/** @param rules rules that exclude folders. Default: all folders are listed. */
async function listAll(
  { input, output }: Job,
  { signal, stores, progress, pins }: ListOptions,
  rules?: FolderRules,
): Promise<FoundInput> {
  progress.filesFound = 0;
  const onFound = (files: number) => {
    progress.filesFound += files;
  };
  return await discoverFiles(input, output.path, { stores, rules, pins, onFound, signal });
}

async function readFiles(
  all: FoundPartitions,
  { input, output }: Job,
  { signal, stores, progress, ownInput }: ListOptions,
): Promise<ReadFiles> {
  const { types = {} } = input;
  const requested = { options: input, types: typesOfFiles(types, all.partitions) };
  const named = namedColumns(input, output);
  const listed = await listFooters(all, { types: requested.types, named });
  const found = listed?.found ?? all;
  const onRead = (read: number) => {
    progress.footers = { read, of: found.files.length };
  };
  onRead(0);
  let textCauses: readonly TextCause[] = [];
  const onTextCauses = (causes: readonly TextCause[]) => {
    textCauses = causes;
  };
  const read = () =>
    readFooters(found.files, { signal, stores, named, requested, ownInput, onRead, onTextCauses });
  const own = listed?.footers ?? (await progress.part("footers", read));
  const { files, partitions } = partitionColumns(found, fieldsOfAny(own), input.partitions);
  refuseOtherTypes({ files, partitions }, types);
  const footers = withFolders(
    own,
    files.map((file) => file.partitions),
  );
  const classes = commonClassNames(footers.map((footer) => footer.classes));
  return { footers, partitions, textCauses, classes };
}

/**
 * Returns text that names the columns whose statistics the plan needs, to exclude rows or to count folders.
 * Null: none.
 */
function namedColumns({ where }: JobSpec["input"], { partitionBy = [] }: JobSpec["output"]): string | null {
  const quoted = partitionBy.map((name) => name.replaceAll('"', '""'));
  return where === undefined && quoted.length === 0 ? null : [where ?? "", ...quoted].join("\n");
}

/** Returns the fields of all files. Files of one schema share the array, which is taken once. */
function fieldsOfAny(footers: readonly FileFooter[]): Field[] {
  return [...new Set(footers.map(({ fields }) => fields))].flat();
}
