import type { Problem } from "../../../shared/core/errors.ts";
import { nearest } from "../../../shared/core/nearest.ts";
import { type Settled, settled } from "../../../shared/core/settled.ts";
import { anyFormat, lakeFormatOf } from "../../../shared/domain/formats.ts";
import type { JobSpec } from "../../../shared/domain/job-spec.ts";
import {
  below,
  folderOf,
  isWebInput,
  type Location,
  nameOf,
  parseLocation,
} from "../../../shared/domain/location.ts";
import { OUTPUT_FOLDERS } from "../../../shared/domain/manifest.ts";
import {
  rowFilesHint,
  type SkippedFiles,
  SkippedTally,
  skippedPhrases,
} from "../../../shared/domain/skipped-files.ts";
import {
  literalPattern,
  literalText,
  shownPath,
  splitPattern,
} from "../../../shared/job-file/path-pattern.ts";
import { placeProblem } from "../../../shared/storage/errors.ts";
import { namesIn } from "../../../shared/storage/names-in.ts";
import type { Storages } from "../../../shared/storage/open-storage.ts";
import { realLocation } from "../../../shared/storage/real-location.ts";
import type { PlaceKind } from "../../../shared/storage/storage.ts";
import { extensionsOf } from "./data-extensions.ts";
import type { FoundPath } from "./folder-listing.ts";
import { outputState, unfinishedOutput } from "./job-output.ts";
import { isAnyFormat, lakeTableAt, noTable, type Pins } from "./lake-table.ts";
import { everyFile, matchingFiles, type Selection } from "./selection.ts";
import { type FolderGate, type Walked, walkFolder } from "./walk.ts";

export interface ListedPath extends Walked {
  readonly skippedFiles: readonly SkippedFiles[];
}

interface ListOptions {
  readonly format: JobSpec["input"]["format"];
  /** Keys of `input`. Formats of extensions have their options among them. */
  readonly options: object;
  readonly pins?: Pins | undefined;
  /** Output folder of this job, with links resolved, if it exists. */
  readonly ownOutput: Location | null;
  readonly storages: Storages;
  /** Gate for the folders that are met. Default: all are entered. */
  readonly gate?: FolderGate | undefined;
  /** Receives the number of files in each listing, selected or not. */
  readonly onFound?: ((files: number) => void) | undefined;
  readonly signal: AbortSignal;
}

/** Limit of existing names that a message shows. */
const SHOWN_NAMES = 5;

const UNREADABLE = "cannot be read";

const PLAIN_CHARACTERS =
  "write the pattern in the job file: in a variable's value, or after a backslash, a wildcard is a plain character";

/**
 * Returns the files of one path of the job (see decision 23). A path names a file, a folder with data files,
 * a job output with rows, or a pattern. If there are no files, a problem has the cause.
 */
export async function listPath(path: string, options: ListOptions): Promise<ListedPath> {
  options.signal.throwIfAborted();
  // An existing file with the literal name comes first, as it may be called `a[1].parquet`.
  const literal = parseLocation(literalText(path));
  // A web file is not looked up here: its stat shows whether it exists, and there is nothing to list.
  const isTable = lakeFormatOf(options.format) !== null;
  if (isWebInput(path)) {
    if (isTable) return nothing(noTable(path, options.format));
    options.onFound?.(1);
    return { files: [{ path: literal, realPath: literal, stat: null }], problems: [], skippedFiles: [] };
  }
  const storage = await options.storages.at(literal);
  const { literal: folder, pattern } = splitPattern(path);
  // Started early, as it takes a round trip or two.
  const looked = pattern === null ? null : lookInto(parseLocation(folder), options);
  looked?.catch(() => {});
  const found = await lookAt(literal, options);
  if (found.kind === "folder" || found.kind === "file" || found.kind === "other") {
    const { signal } = options;
    const unfinished = await unfinishedOutput({ path: literal, kind: found.kind }, { storage, signal });
    if (unfinished !== null) return nothing(unfinishedProblem(literal, unfinished));
    if (found.kind === "folder") return listFolder(literal, options);
    if (isTable) return nothing(noTable(path, options.format));
    const realPath = await realLocation(literal, storage, options.signal);
    return { files: [{ path: literal, realPath, stat: null }], problems: [], skippedFiles: [] };
  }
  if (pattern !== null && isTable) return nothing(noTable(path, options.format));
  if (pattern !== null && looked !== null)
    return listMatches({ path: shownPath(path), pattern, ...(await looked) }, options);
  if (found.kind === "unknown") return nothing(placeProblem(literal, UNREADABLE, found.error));
  const looksLikePattern = splitPattern(nameOf(literal)).pattern !== null;
  return nothing({
    where: literal,
    what: "there is no such file or folder",
    hint: looksLikePattern ? PLAIN_CHARACTERS : await nearHint(literal, options),
  });
}

type Look = { readonly kind: PlaceKind | "nothing" } | { readonly kind: "unknown"; readonly error: unknown };

/** Returns the kind of a location, or the error of the look-up. */
async function lookAt(location: Location, { storages, signal }: ListOptions): Promise<Look> {
  const storage = await storages.at(location);
  try {
    return { kind: (await storage.kindAt(location, signal)) ?? "nothing" };
  } catch (error) {
    signal.throwIfAborted();
    return { kind: "unknown", error };
  }
}

async function listFolder(folder: Location, options: ListOptions): Promise<ListedPath> {
  const { format, storages, signal } = options;
  const storage = await storages.at(folder);
  const table = await lakeTableAt(folder, { ...options, storage });
  if (table !== null) return { problems: [], skippedFiles: [], ...table };
  if (lakeFormatOf(format) !== null) return nothing(noTable(folder, format));
  const state = await outputState(folder, { storage, signal });
  if (state !== "published") return listBelow(folder, options);
  // The output of a job means its rows: dead letters and reductions have other columns.
  const rows = below(folder, OUTPUT_FOLDERS.rows);
  const found = await lookAt(rows, options);
  if (found.kind === "folder") return listBelow(rows, options);
  if (found.kind === "unknown") return nothing(placeProblem(rows, UNREADABLE, found.error));
  return nothing({
    where: folder,
    what: "is the output of a job that published no rows",
    hint: `name a file or a folder in its \`${OUTPUT_FOLDERS.reduced}\` folder`,
  });
}

async function listBelow(folder: Location, options: ListOptions): Promise<ListedPath> {
  const { format } = options;
  const listed = await walk(folder, everyFile(format), options);
  if (listed.files.length > 0 || listed.problems.length > 0) return listed;
  const { skippedFiles } = listed;
  const hasOthers = skippedFiles.some(({ reason }) => reason === "otherEnding");
  const extensions = extensionsOf(format);
  const hasOutputs = skippedFiles.some(({ reason }) => reason === "jobOutput");
  return nothing({
    where: folder,
    what: `the folder holds no ${extensions === null ? "" : `${format === "auto" ? anyFormat() : format} `}files`,
    expected: extensions === null ? "*" : extensions.map((extension) => `*${extension}`).join(", "),
    found: skippedFiles.length === 0 ? "no files" : skippedPhrases(skippedFiles).join("; "),
    hint: hasOutputs
      ? "name the output of a job itself to read its rows"
      : hasOthers
        ? (rowFilesHint(skippedFiles) ?? "name the files themselves, with a glob, and set input.format")
        : "name the files themselves: names that begin with . or _ are skipped",
  });
}

/** A folder, its kind, and the unfinished output that it is or is a part of. */
interface LookedInto {
  readonly folder: Location;
  readonly found: Look;
  readonly unfinished: Settled<Location | null>;
}

async function lookInto(folder: Location, options: ListOptions): Promise<LookedInto> {
  const looked = { storage: await options.storages.at(folder), signal: options.signal };
  const [found, unfinished] = await Promise.all([
    lookAt(folder, options),
    settled(unfinishedOutput({ path: folder, kind: "folder" }, looked)),
  ]);
  return { folder, found, unfinished };
}

/** A pattern below a folder. `path` has both, for messages. */
interface PatternBelow extends LookedInto {
  readonly path: string;
  readonly pattern: string;
}

async function listMatches(meant: PatternBelow, options: ListOptions): Promise<ListedPath> {
  const { path, folder, pattern, found, unfinished } = meant;
  const selection = matchingFiles(pattern, options.format);
  if (typeof selection === "string") return nothing({ where: path, what: `the pattern ${selection}` });
  if (found.kind === "unknown") return nothing(placeProblem(folder, UNREADABLE, found.error));
  if (found.kind !== "folder") {
    const what = `no file matches, and its folder ${folder} does not exist`;
    return nothing({ where: path, what, hint: await nearHint(folder, options) });
  }
  if (unfinished.kind === "failed") throw unfinished.error;
  if (unfinished.value !== null) return nothing(unfinishedProblem(path, unfinished.value));
  const listed = await walk(folder, selection, options);
  if (listed.files.length > 0 || listed.problems.length > 0) return listed;
  return nothing(await noMatch(meant, listed.skippedFiles, options));
}

async function noMatch(
  { path, folder, pattern }: Pick<PatternBelow, "path" | "folder" | "pattern">,
  skippedFiles: readonly SkippedFiles[],
  options: ListOptions,
): Promise<Problem> {
  const what = `no file matches in ${folder}`;
  if (skippedFiles.length > 0) {
    const hint = rowFilesHint(skippedFiles) ?? "name a skipped file or folder without a wildcard to read it";
    return { where: path, what, found: skippedPhrases(skippedFiles).join("; "), hint };
  }
  const instead = await listBelow(folder, { ...options, gate: undefined });
  const names = instead.files.map((file) => file.path.slice(folder.length + 1)).sort();
  const found =
    names.length > 0
      ? `${names.length} data files, such as ${names.slice(0, SHOWN_NAMES).join(", ")}`
      : (instead.problems[0]?.found ?? "nothing");
  // Example: `in[1]/*.parquet`, where a folder is called `in[1]`.
  const first = pattern.split("/")[0] ?? "";
  const { kind } = await lookAt(below(folder, first), options);
  const isName = kind !== "nothing" && kind !== "unknown";
  const hint = isName
    ? `for the name \`${first}\` itself, write \`${literalPattern(first)}\``
    : "check the pattern";
  return { where: path, what, found, hint };
}

async function walk(folder: Location, selection: Selection, options: ListOptions): Promise<ListedPath> {
  const { format, ownOutput, storages, gate, onFound, signal } = options;
  const skippedFiles = new SkippedTally();
  try {
    const { files, problems } = await walkFolder(folder, {
      selection,
      // A job that sets the format of files gets the files themselves.
      refusesTables: isAnyFormat(format),
      skippedFiles,
      ownOutput,
      storage: await storages.at(folder),
      gate,
      onFound,
      signal,
    });
    return { files: [...files].sort(byPath), problems, skippedFiles: skippedFiles.list() };
  } catch (error) {
    signal.throwIfAborted();
    return nothing(placeProblem(folder, "cannot be listed", error));
  }
}

/** Compares by code units, so that the order is equal in every locale. */
function byPath(a: FoundPath, b: FoundPath): number {
  return a.path < b.path ? -1 : a.path > b.path ? 1 : 0;
}

function unfinishedProblem(where: string, output: string): Problem {
  return {
    where,
    what: `the job that publishes to ${output} has not ended`,
    hint: "run that job to its end first",
  };
}

async function nearHint(path: Location, options: ListOptions): Promise<string> {
  const folder = folderOf(path);
  const names = await namesIn(folder, await options.storages.at(folder), options);
  if (names === null) {
    const { kind } = await lookAt(folder, options);
    return kind === "nothing" ? `the folder ${folder} is not there either` : `look in ${folder}`;
  }
  const near = nearest(nameOf(path), names);
  return near === undefined ? `look in ${folder}` : `did you mean \`${near}\`?`;
}

function nothing(problem: Problem): ListedPath {
  return { files: [], problems: [problem], skippedFiles: [] };
}
