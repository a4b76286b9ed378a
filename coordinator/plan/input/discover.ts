import { isShardmillError, type Problem, ShardmillError } from "../../../shared/core/errors.ts";
import { mapConcurrent } from "../../../shared/core/map-concurrent.ts";
import type { DatasetFormat, FileIndex } from "../../../shared/domain/dataset.ts";
import { DATASET_FORMATS } from "../../../shared/domain/formats.ts";
import type { JobSpec } from "../../../shared/domain/job-spec.ts";
import { type JobStores, NO_STORES } from "../../../shared/domain/job-stores.ts";
import { type Location, parseLocation, type TimedStat } from "../../../shared/domain/location.ts";
import { type SkippedFiles, SkippedTally } from "../../../shared/domain/skipped-files.ts";
import { namesOfFolder } from "../../../shared/job-file/path-pattern.ts";
import { isNotAFile, placeProblem } from "../../../shared/storage/errors.ts";
import { type StorageOpeners, Storages } from "../../../shared/storage/open-storage.ts";
import { realLocation } from "../../../shared/storage/real-location.ts";
import {
  extensionOf,
  FORMAT_OF_EXTENSION,
  formatOfFile,
  INFERRED,
  namesOnlyFiles,
} from "./data-extensions.ts";
import type { FoundPath } from "./folder-listing.ts";
import { type FolderJudge, FolderRuling, type FolderSample, type RuledFolders } from "./folder-ruling.ts";
import { type FolderValue, FolderValuesOfFolders } from "./folder-values.ts";
import { expandInput } from "./input-lists.ts";
import type { Pins } from "./lake-table.ts";
import { listPath } from "./list-path.ts";

/** An input file that was found, and not yet opened. */
export interface FoundFile extends TimedStat {
  readonly path: Location;
  readonly format: DatasetFormat;
  /** Folder from which the job named it. Default: its own folder. */
  readonly root?: Location | undefined;
  /** Index from the log of the file's table. Default: the file is of no such table. */
  readonly text?: FileIndex | undefined;
}

/** A found file with the folders `name=value` of its path. */
export interface LocatedFile extends FoundFile {
  /** Path after links are resolved. Equal to `path` without links. */
  readonly realPath: Location;
  readonly folderValues: readonly FolderValue[];
}

/** Stats at once. Each is a round trip to a network file system, which more would flood. */
const STATS_AT_ONCE = 16;

/** Listings at once, for the paths of the input. Each folder in turn is listed with many requests at once. */
const LISTINGS_AT_ONCE = 8;

/** Limit of listed problems: enough to see the pattern. */
const PROBLEM_LIMIT = 20;

/** Files of the input, and the files that were excluded. */
export interface FoundInput {
  readonly files: readonly LocatedFile[];
  readonly skippedFiles: readonly SkippedFiles[];
  /** Stores, with the addresses of the input files on web servers. */
  readonly stores: JobStores;
  /** Folders that were excluded unlisted. Default: none. */
  readonly ruled?: RuledFolders | null;
}

/** Rules that exclude folders before they are listed. */
export interface FolderRules {
  /** Checks whether the rules may exclude anything below these folders. */
  concern(values: readonly FolderValue[]): boolean;
  /**
   * Reads a file of the dataset, and returns a judge of folders.
   *
   * @param met values of other folders
   * @returns null when the file is not enough, or no folder can be excluded
   */
  judge(sample: LocatedFile, met: FolderSample["met"], stores: JobStores): Promise<FolderJudge | null>;
}

interface DiscoverOptions {
  /** Settings of the job's stores. Default: none. */
  readonly stores?: JobStores;
  /** Openers of additional storages. */
  readonly openers?: StorageOpeners;
  /** Rules that exclude folders. Default: all folders are listed. */
  readonly rules?: FolderRules | undefined;
  /** Versions of lake tables to read, see {@link Pins}. */
  readonly pins?: Pins | undefined;
  /** Receives the number of files in each listing, selected or not. */
  readonly onFound?: (files: number) => void;
  readonly signal: AbortSignal;
}

/**
 * Finds the input's files. Paths keep the order of the list, and the files of one folder or pattern are
 * sorted by path. A file with several names is found once. The order does not depend on the place of the job
 * file.
 *
 * @param input with absolute paths: files, folders, outputs of jobs, patterns (see decision 23)
 * @param outputPath output folder of this job, which is never an input
 * @throws {INPUT_NOT_FOUND} with every path that leads to no file
 * @throws {STORE_FAILED} {STORE_REFUSED} when the only problem is an unavailable store
 */
export async function discoverFiles(
  input: Pick<JobSpec["input"], "path" | "format">,
  outputPath: string,
  options: DiscoverOptions,
): Promise<FoundInput> {
  const { path, format } = input;
  const discover = (as: string) => discoverAs({ ...input, path, format: as }, outputPath, options);
  if (format !== "auto") return await discover(format);
  if (namesOnlyFiles(path)) return await discover(INFERRED);
  try {
    return await discover(format);
  } catch (error) {
    if (!isShardmillError(error, "INPUT_NOT_FOUND")) throw error;
    // A place without tables is input if all of its files are of known kinds.
    const found = await discover(INFERRED).catch(() => null);
    options.signal.throwIfAborted();
    const hasOthers = found?.skippedFiles.some(({ reason }) => reason === "otherEnding");
    if (found === null || hasOthers === true) throw error;
    return found;
  }
}

async function discoverAs(
  input: Pick<JobSpec["input"], "path" | "format">,
  outputPath: string,
  { stores = NO_STORES, openers = {}, rules, pins, onFound, signal }: DiscoverOptions,
): Promise<FoundInput> {
  const { format } = input;
  const known = { ...stores, addresses: { ...stores.addresses } };
  await using storages = new Storages(openers, known);
  const ownOutput = await realOutput(outputPath, storages, signal);
  const problems: Problem[] = [];
  const skippedFiles = new SkippedTally();
  const candidates = new Map<Location, Candidate>();
  const valuesOf = new FolderValuesOfFolders();
  const ruling = new FolderRuling({
    concern: (values) => rules?.concern(values) ?? false,
    judgeBy: async ({ file, skipped, met }) => {
      const folderValues = valuesOf.file(file.path, skipped);
      const [found] = await inspectAll([candidateOf(file, folderValues)], format, storages, signal);
      return found?.kind === "file" ? ((await rules?.judge(found.file, met, known)) ?? null) : null;
    },
  });
  const { addresses } = known;
  // The format does not matter here, since any set format makes files of all extensions match.
  const listing = { options: input, pins, ownOutput, storages, onFound, signal };
  const match = (path: string) => listPath(path, { ...listing, format: "parquet" });
  const expanded = await expandInput(input.path, { format, storages, match, addresses, signal });
  for (const problem of expanded.problems) problems.push(problem);
  const listings = await mapConcurrent(expanded.named, LISTINGS_AT_ONCE, async ({ path, where }) => {
    const gate = rules === undefined ? undefined : ruling.gate(namesOfFolder(path));
    return { path, where, ...(await listPath(path, { ...listing, format, gate })) };
  });
  for (const { path, where, ...listed } of listings) {
    for (const problem of listed.problems) problems.push(named(problem, where));
    skippedFiles.addAll(listed.skippedFiles);
    const skipped = namesOfFolder(path);
    for (const file of listed.files) {
      const known = candidates.get(file.realPath);
      if (known === undefined)
        candidates.set(
          file.realPath,
          candidateOf(file, file.table === undefined ? valuesOf.file(file.path, skipped) : NO_FOLDERS),
        );
      else if (known.path !== file.path) skippedFiles.note("again", file.path);
    }
  }
  const found = await inspectAll([...candidates.values()], format, storages, signal);
  for (const file of found) if (file.kind === "problem") problems.push(file.problem);
  if (problems.length > 0) throw notFound(problems);
  const files = found.flatMap((each) => (each.kind === "file" ? [each.file] : []));
  return { files, skippedFiles: skippedFiles.list(), stores: known, ruled: ruling.ruled };
}

/** Adds the place that names the input: the line of a list. */
function named(problem: Problem, where: string | null): Problem {
  return where === null ? problem : { ...problem, where: `${problem.where} (${where})` };
}

/** Files of a lake table have no columns of folders: its log has the values. */
const NO_FOLDERS: LocatedFile["folderValues"] = [];

type Candidate = FoundPath & Pick<LocatedFile, "folderValues">;

/** Adds the values of folders. A literal takes much less memory than a spread: there may be a million. */
function candidateOf(
  { path, realPath, root, stat, table }: FoundPath,
  folderValues: LocatedFile["folderValues"],
): Candidate {
  return { path, realPath, root, stat, table, folderValues };
}

/** A file of which only the name is known. */
type FormedPath = Omit<LocatedFile, keyof TimedStat>;

type Inspected =
  | { readonly kind: "file"; readonly file: LocatedFile }
  | { readonly kind: "problem"; readonly problem: Problem };

async function realOutput(
  outputPath: string,
  storages: Storages,
  signal: AbortSignal,
): Promise<Location | null> {
  const location = parseLocation(outputPath);
  const storage = await storages.at(location);
  return await realLocation(location, storage, signal).catch(() => {
    signal.throwIfAborted();
    return null;
  });
}

/** Returns the files in order. Facts from the listing are used without a further request. */
async function inspectAll(
  candidates: readonly Candidate[],
  format: string,
  storages: Storages,
  signal: AbortSignal,
): Promise<readonly Inspected[]> {
  const found = candidates.map((candidate) => inspect(candidate, format));
  const open = found.flatMap((each, at) => (each.kind === "unknown" ? [{ ...each, at }] : []));
  await mapConcurrent(open, STATS_AT_ONCE, async ({ file, at }) => {
    found[at] = await lookAt(file, storages, signal);
  });
  return found.filter((each) => each.kind !== "unknown");
}

function inspect(
  { path, realPath, root, stat, table, folderValues }: Candidate,
  format: string,
): Inspected | { readonly kind: "unknown"; readonly file: FormedPath } {
  const formatHere = table?.format ?? formatOfFile(path, format);
  if (formatHere === undefined) {
    const extension = extensionOf(path);
    return problem({
      where: path,
      what:
        extension === ""
          ? "its name has no extension"
          : `its extension ${extension} is not that of a known format`,
      expected: Object.keys(FORMAT_OF_EXTENSION).join(", "),
      found: extension === "" ? "none" : extension,
      hint: `set input.format to ${DATASET_FORMATS.join(", ")}`,
    });
  }
  const file = { path, realPath, root, format: formatHere, folderValues };
  if (stat === null) return { kind: "unknown", file };
  const { bytes, version, modified } = stat;
  const located = { path, realPath, root, format: formatHere, folderValues, bytes, version, modified };
  return { kind: "file", file: table === undefined ? located : { ...located, text: table.index } };
}

async function lookAt(file: FormedPath, storages: Storages, signal: AbortSignal): Promise<Inspected> {
  signal.throwIfAborted();
  const { path } = file;
  try {
    const { bytes, version, modified } = await (await storages.at(path)).stat(path, signal);
    return { kind: "file", file: { ...file, bytes, version, modified } };
  } catch (error) {
    signal.throwIfAborted();
    return problem(
      isNotAFile(error)
        ? { where: path, what: "is neither a file nor a folder" }
        : placeProblem(path, "cannot be read", error),
    );
  }
}

function problem(problem: Problem): Inspected {
  return { kind: "problem", problem };
}

/**
 * Returns the error for all problems. An unavailable store is no mistake of the job, so its problem keeps its
 * code.
 */
function notFound(problems: readonly Problem[]): ShardmillError {
  const [first] = problems;
  const isPassing = problems.every(({ code }) => code !== undefined);
  const code = (isPassing ? first?.code : undefined) ?? "INPUT_NOT_FOUND";
  const more = problems.length > PROBLEM_LIMIT ? ` (the first ${PROBLEM_LIMIT} are listed)` : "";
  const message =
    problems.length === 1 && first !== undefined
      ? `input ${first.where}: ${first.what}`
      : `${problems.length} input paths have no data${more}`;
  return new ShardmillError(code, message, {
    fields: { paths: problems.length, path: first?.where ?? "" },
    problems: problems.slice(0, PROBLEM_LIMIT),
    ...(first?.hint === undefined ? {} : { hint: first.hint }),
  });
}
