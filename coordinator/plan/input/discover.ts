import { type Problem, ShardmillError } from "../../../shared/core/errors.ts";
import { mapConcurrent } from "../../../shared/core/map-concurrent.ts";
import type { DatasetFormat } from "../../../shared/domain/dataset.ts";
import { DATASET_FORMATS } from "../../../shared/domain/formats.ts";
import type { JobSpec } from "../../../shared/domain/job-spec.ts";
import { type JobStores, NO_STORES } from "../../../shared/domain/job-stores.ts";
import { type LeftOut, LeftOutTally } from "../../../shared/domain/left-out.ts";
import { type FileStat, type Location, parseLocation } from "../../../shared/domain/location.ts";
import { namesOfFolder } from "../../../shared/job-file/path-pattern.ts";
import { isNotAFile, placeProblem } from "../../../shared/storage/errors.ts";
import { type StorageOpeners, Storages } from "../../../shared/storage/open-storage.ts";
import { realLocation } from "../../../shared/storage/real-location.ts";
import { extensionOf, FORMAT_OF_EXTENSION } from "./data-extensions.ts";
import type { FoundPath } from "./folder-listing.ts";
import { type FolderJudge, FolderRuling, type FolderSample, type RuledFolders } from "./folder-ruling.ts";
import { type FolderValue, FolderValuesOfFolders } from "./folder-values.ts";
import { expandInput } from "./input-lists.ts";
import { listPath } from "./list-path.ts";

/** An input file as it was found: not yet opened. */
export interface FoundFile extends FileStat {
  readonly path: Location;
  readonly format: DatasetFormat;
}

/** ... and the folders `name=value` that led to it. */
export interface LocatedFile extends FoundFile {
  /** Where links lead from `path`, which is that where there are none. */
  readonly realPath: Location;
  readonly folderValues: readonly FolderValue[];
}

/** A stat is a round trip on a network file system: many at once, but not so many as to flood it. */
const STATS_AT_ONCE = 16;

/** Of many names in a list each is looked for; a folder is itself listed with many requests at once. */
const LISTINGS_AT_ONCE = 8;

/** Enough to see the pattern; a thousand lines would hide it. */
const PROBLEM_LIMIT = 20;

/** The input's files, and what lies beside them. */
export interface FoundInput {
  readonly files: readonly LocatedFile[];
  readonly leftOut: readonly LeftOut[];
  /** With the addresses of those files that are on web servers. */
  readonly stores: JobStores;
  /** Folders that were not listed. Left out: all were. */
  readonly ruled?: RuledFolders | null;
}

/** Rules folders out before they are listed. */
export interface FolderRules {
  /** Whether it may say anything of what lies below these folders. */
  concern(values: readonly FolderValue[]): boolean;
  /**
   * Looks at a file of the dataset.
   *
   * @param met what other folders say
   * @returns null where the file cannot tell, or nothing can be said
   */
  judge(sample: LocatedFile, met: FolderSample["met"], stores: JobStores): Promise<FolderJudge | null>;
}

interface DiscoverOptions {
  /** What the job says of its stores. Left out: nothing. */
  readonly stores?: JobStores;
  /** Of other storages than the usual ones. */
  readonly openers?: StorageOpeners;
  /** Left out: all folders are listed. */
  readonly rules?: FolderRules | undefined;
  /** Told of each so many files that are listed, whether they are selected or not. */
  readonly onFound?: (files: number) => void;
  readonly signal: AbortSignal;
}

/**
 * The input's files: in the order of the list, those of one folder or pattern by path, each once even if
 * several names lead to it. So the order does not depend on where the job's folder lies.
 *
 * @param input with absolute paths: files, folders, outputs of jobs, patterns (see decision 23)
 * @param outputPath where this job publishes to: no input, whatever is in it
 * @throws {INPUT_NOT_FOUND} for every path that leads to nothing, all at once
 * @throws {STORE_FAILED} {STORE_REFUSED} when all that is wrong is a store that is unavailable
 */
export async function discoverFiles(
  input: Pick<JobSpec["input"], "path" | "format">,
  outputPath: string,
  { stores = NO_STORES, openers = {}, rules, onFound, signal }: DiscoverOptions,
): Promise<FoundInput> {
  const { format } = input;
  const known = { ...stores, addresses: { ...stores.addresses } };
  await using storages = new Storages(openers, known);
  const ownOutput = await realOutput(outputPath, storages, signal);
  const problems: Problem[] = [];
  const leftOut = new LeftOutTally();
  const candidates = new Map<Location, Candidate>();
  const valuesOf = new FolderValuesOfFolders();
  const ruling = new FolderRuling({
    concern: (values) => rules?.concern(values) ?? false,
    judgeBy: async ({ file, skipped, met }) => {
      const folderValues = valuesOf.file(file.path, skipped);
      const [found] = await inspectAll([{ ...file, folderValues }], format, storages, signal);
      return found?.kind === "file" ? ((await rules?.judge(found.file, met, known)) ?? null) : null;
    },
  });
  const { addresses } = known;
  // Of a format that is set, files of any ending match.
  const match = (path: string) => listPath(path, { format: "parquet", ownOutput, storages, onFound, signal });
  const expanded = await expandInput(input.path, { format, storages, match, addresses, signal });
  for (const problem of expanded.problems) problems.push(problem);
  const listings = await mapConcurrent(expanded.named, LISTINGS_AT_ONCE, async ({ path, where }) => {
    const gate = rules === undefined ? undefined : ruling.gate(namesOfFolder(path));
    return { path, where, ...(await listPath(path, { format, ownOutput, storages, gate, onFound, signal })) };
  });
  for (const { path, where, ...listed } of listings) {
    for (const problem of listed.problems) problems.push(named(problem, where));
    leftOut.addAll(listed.leftOut);
    const skipped = namesOfFolder(path);
    for (const file of listed.files) {
      const known = candidates.get(file.realPath);
      if (known === undefined)
        candidates.set(file.realPath, { ...file, folderValues: valuesOf.file(file.path, skipped) });
      else if (known.path !== file.path) leftOut.note("again", file.path);
    }
  }
  const found = await inspectAll([...candidates.values()], format, storages, signal);
  for (const file of found) if (file.kind === "problem") problems.push(file.problem);
  if (problems.length > 0) throw notFound(problems);
  const files = found.flatMap((each) => (each.kind === "file" ? [each.file] : []));
  return { files, leftOut: leftOut.list(), stores: known, ruled: ruling.ruled };
}

/** With the line of a list that named it. */
function named(problem: Problem, where: string | null): Problem {
  return where === null ? problem : { ...problem, where: `${problem.where} (${where})` };
}

type Candidate = FoundPath & Pick<LocatedFile, "folderValues">;

/** A file of which only the name was looked at. */
type FormedPath = Omit<LocatedFile, keyof FileStat>;

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

/** In their order. What a listing told of is not asked for again, and not waited for. */
async function inspectAll(
  candidates: readonly Candidate[],
  format: JobSpec["input"]["format"],
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
  { path, realPath, stat, folderValues }: Candidate,
  format: JobSpec["input"]["format"],
): Inspected | { readonly kind: "unknown"; readonly file: FormedPath } {
  const formatHere = format === "auto" ? FORMAT_OF_EXTENSION[extensionOf(path)] : format;
  if (formatHere === undefined) {
    const extension = extensionOf(path);
    return problem({
      where: path,
      what: extension === "" ? "its name has no extension" : `its extension ${extension} says no format`,
      expected: Object.keys(FORMAT_OF_EXTENSION).join(", "),
      found: extension === "" ? "none" : extension,
      hint: `set input.format to ${DATASET_FORMATS.join(", ")}`,
    });
  }
  if (stat === null) return { kind: "unknown", file: { path, realPath, format: formatHere, folderValues } };
  const { bytes, version } = stat;
  return { kind: "file", file: { path, realPath, format: formatHere, bytes, version, folderValues } };
}

async function lookAt(file: FormedPath, storages: Storages, signal: AbortSignal): Promise<Inspected> {
  signal.throwIfAborted();
  const { path } = file;
  try {
    const { bytes, version } = await (await storages.at(path)).stat(path, signal);
    return { kind: "file", file: { ...file, bytes, version } };
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

/** A store that is down or throttles is no mistake of the job's: its problem keeps its own code. */
function notFound(problems: readonly Problem[]): ShardmillError {
  const [first] = problems;
  const isPassing = problems.every(({ code }) => code !== undefined);
  const code = (isPassing ? first?.code : undefined) ?? "INPUT_NOT_FOUND";
  const more = problems.length > PROBLEM_LIMIT ? ` (the first ${PROBLEM_LIMIT} are listed)` : "";
  const message =
    problems.length === 1 && first !== undefined
      ? `input ${first.where}: ${first.what}`
      : `${problems.length} input paths lead to no data${more}`;
  return new ShardmillError(code, message, {
    fields: { paths: problems.length, path: first?.where ?? "" },
    problems: problems.slice(0, PROBLEM_LIMIT),
    ...(first?.hint === undefined ? {} : { hint: first.hint }),
  });
}
