import { isShardmillError, ShardmillError } from "../../shared/core/errors.ts";
import { formatTitle } from "../../shared/domain/formats.ts";
import type { JobSpec } from "../../shared/domain/job-spec.ts";
import { type FileStat, type Location, parseLocation } from "../../shared/domain/location.ts";
import { type NewInput, namedFiles, type TakesFile } from "../../shared/domain/new-input.ts";
import { isOnThisMachine } from "../../shared/storage/local-paths.ts";
import type { Storage } from "../../shared/storage/storage.ts";
import type { SealedInput } from "../journal/sealed-input.ts";
import { discoverFiles, type FoundInput, type LocatedFile } from "../plan/input/discover.ts";
import { type Reach, readStores } from "../plan/read-stores.ts";
import { readIntentIfThere } from "../publish/intent.ts";
import { findOutputPaths, type OutputPaths } from "../publish/work-paths.ts";
import { type KnownRuns, type PublishedRun, type Runs, readRuns, runFolder } from "./read-runs.ts";

/** Next action of a job over new files. */
export type NextRun = NewRun | NothingNew;

/** A run over `input`. Its `spec` is the job's, with the run's folder as output. */
export interface NewRun {
  readonly kind: "run";
  readonly spec: JobSpec;
  readonly input: FoundInput;
  readonly found: NewInput;
  /** Names of the files of a run that has begun and is resumed. Null: a run that has not begun. */
  readonly begun: ReadonlySet<string> | null;
  /** Published runs, in order. */
  readonly published: readonly PublishedRun[];
}

export interface NothingNew {
  readonly kind: "nothingNew";
  readonly last: PublishedRun;
  readonly found: NewInput;
  /** All files of the input. */
  readonly listed: FoundInput;
  /** Published runs, in order. The last one is `last`. */
  readonly published: readonly PublishedRun[];
}

interface NextRunOptions extends Reach {
  /** Storage of `output.path`. */
  readonly storage: Storage;
  /** Returns the input in the sealed plan of a run that has begun. Null: no sealed plan. */
  readonly sealedInput: (paths: OutputPaths) => Promise<SealedInput | null>;
  readonly signal: AbortSignal;
  /** Selects the new files that a starting run reads. Default: all. */
  readonly takes?: TakesFile | undefined;
  /** See {@link readRuns}. */
  readonly known?: KnownRuns;
  /** True drops an unfinished run and its choice of files: its folder will be cleared. */
  readonly fresh: boolean;
}

/**
 * Returns the next run of a job, over all files that no earlier run has read. Files are compared by location,
 * size and version. An unfinished run resumes with the files that it began with, since its plan is sealed.
 *
 * @param spec with `input.new`
 * @throws what listing the input throws
 * @throws {OUTPUT_OCCUPIED} {OUTPUT_FAILED} as {@link readRuns}
 * @throws {JOB_MISMATCH} when files of an unfinished run are no longer in the input
 */
export async function nextRun(spec: JobSpec, options: NextRunOptions): Promise<NextRun> {
  const { storage, signal, takes = () => true } = options;
  const base = parseLocation(spec.output.path);
  const runs = await readRuns(base, storage, options.known);
  const { published } = runs;
  const number = runs.unfinished ?? (published.at(-1)?.number ?? 0) + 1;
  const ownSpec = { ...spec, output: { ...spec.output, path: runFolder(base, number) } };
  const sealed = runs.unfinished === null || options.fresh ? null : await begunWith(ownSpec, options);
  const begun = sealed?.files ?? null;
  const pins = async () => sealed?.pins ?? [];
  const stores = await readStores(spec, options);
  const listed = await discoverFiles(spec.input, base, { stores, pins, signal }).catch((error: unknown) => {
    const isMissing = begun !== null && isShardmillError(error, "INPUT_NOT_FOUND");
    throw isMissing ? filesMissing(number, { begun, missing: [...begun], cause: error }) : error;
  });
  refuseTables(listed.files);
  if (begun !== null) refuseMissing(number, begun, listed);
  const read = readBefore(runs);
  const isNew = isUnread(read);
  const { changed: how = "again" } = spec.input;
  const changed = listed.files.filter((file) => isNew(file) && namesOf(file).some((name) => read.has(name)));
  if (how === "error" && begun === null && changed.length > 0) throw filesChanged(changed);
  const ignored = new Set(how === "ignore" ? changed : []);
  const isTaken = (file: LocatedFile) => isNew(file) && !ignored.has(file) && takes(file);
  const files = listed.files.filter(begun === null ? isTaken : isOneOf(begun));
  const left = changed.filter((file) => ignored.has(file) && !files.includes(file));
  const found = compare(listed, { files, read, runs, number, ignored: left });
  const last = published.at(-1);
  if (files.length === 0 && begun === null && last !== undefined)
    return { kind: "nothingNew", last, found, listed, published };
  return { kind: "run", spec: ownSpec, input: { ...listed, files }, found, begun, published };
}

/**
 * Returns the input that a run has begun with. Null: it has read none. In a bucket, another
 * machine may already have decided what the run publishes. That decision is then binding.
 */
async function begunWith(
  spec: JobSpec,
  { storage, sealedInput }: NextRunOptions,
): Promise<SealedInput | null> {
  const paths = await findOutputPaths(spec, storage);
  const intent = isOnThisMachine(paths.output) ? null : await readIntentIfThere(paths, storage);
  const decided = intent?.manifest.inputFiles ?? null;
  const sealed = await sealedInput(paths);
  if (decided === null) return sealed;
  return { files: new Set(decided.map(({ path }) => path)), pins: sealed?.pins ?? [] };
}

/**
 * Refuses files of a lake table, which rewrites rows that a run has read into new files.
 *
 * @throws {SPEC_INVALID} for such files
 */
function refuseTables(files: FoundInput["files"]): void {
  const file = files.find(({ text }) => text !== undefined);
  if (file === undefined) return;
  const what = `does not know which rows of a ${formatTitle(file.format)} are new, as its files are rewritten`;
  const hint = "remove input.new, and select rows by a column with input.where";
  throw new ShardmillError("SPEC_INVALID", `input.new ${what}`, {
    problems: [{ where: "input.new", what, found: file.root ?? file.path, hint }],
  });
}

/** Compares both names: a link that was added or removed since changes `path`. */
function isOneOf(begun: ReadonlySet<string>) {
  return ({ path, realPath }: LocatedFile) => begun.has(path) || begun.has(realPath);
}

/** @throws {JOB_MISMATCH} when files of the run are gone */
function refuseMissing(number: number, begun: ReadonlySet<string>, { files }: FoundInput): void {
  const there = new Set<string>(files.flatMap(namesOf));
  const missing = [...begun].filter((path) => !there.has(path));
  if (missing.length > 0) throw filesMissing(number, { begun, missing });
}

interface MissingFiles {
  readonly begun: ReadonlySet<string>;
  readonly missing: readonly string[];
  readonly cause?: unknown;
}

function filesMissing(number: number, { begun, missing, cause }: MissingFiles): ShardmillError {
  const { count, examples } = namedFiles(missing);
  const message = `run ${number} is unfinished, and ${count} of its ${begun.size} files are missing: moved, removed, or no longer an input`;
  return new ShardmillError("JOB_MISMATCH", message, {
    fields: { run: number, files: begun.size, missing: count },
    problems: examples.map((path) => ({
      where: path,
      what: `is missing, and run ${number} began with it`,
      expected: "the files that a run began with, until it is published",
      found: "nothing, or a file that input.path does not name",
    })),
    hint: "restore the files to resume the run, or run with --fresh to start it over with the files that are new now",
    cause,
  });
}

/**
 * Each file's size and version when it was read, by its path and by its real path. The size counts, too: on a
 * disk the version is a time, which a copy may keep.
 */
type ReadFiles = ReadonlyMap<string, ReadonlySet<string>>;

function readBefore({ published }: Runs): ReadFiles {
  const read = new Map<string, Set<string>>();
  for (const { manifest } of published) {
    for (const { path, realPath = path, ...stat } of manifest.inputFiles ?? [])
      for (const name of new Set([path, realPath]))
        read.set(name, (read.get(name) ?? new Set()).add(asRead(stat)));
  }
  return read;
}

/**
 * Returns a filter for files that no run has read under their path or their real path. A new link to a file
 * that was read is thus not new.
 */
function isUnread(read: ReadFiles) {
  return (file: LocatedFile) => !namesOf(file).some((name) => read.get(name)?.has(asRead(file)));
}

function namesOf({ path, realPath }: LocatedFile): Location[] {
  return path === realPath ? [path] : [path, realPath];
}

function asRead({ bytes, version }: FileStat): string {
  return `${bytes} bytes, ${version}`;
}

/** @param changed files that an earlier run read, and that changed since */
function filesChanged(changed: readonly LocatedFile[]): ShardmillError {
  const { count, examples } = namedFiles(changed.map(({ path }) => path));
  const what = `${count} of the files that previous runs read have changed since`;
  return new ShardmillError("JOB_MISMATCH", what, {
    fields: { changed: count },
    problems: examples.map((path) => ({
      where: path,
      what: "has changed since a run read it",
      expected: "files that do not change, since input.changed is `error`",
      found: "another size or version",
    })),
    hint: "restore the files, or run with --set input.changed=again to read them again, whole, or with --set input.changed=ignore to keep the rows that were read",
  });
}

interface Compared {
  /** Files that this run reads. */
  readonly files: FoundInput["files"];
  readonly read: ReadFiles;
  readonly runs: Runs;
  readonly number: number;
  /** Changed files that are not read again. */
  readonly ignored: readonly LocatedFile[];
}

function compare(listed: FoundInput, { files, read, runs, number, ignored }: Compared): NewInput {
  const unread = isUnread(read);
  const changed = files.filter((file) => unread(file) && namesOf(file).some((name) => read.has(name)));
  const there = new Set<string>(listed.files.flatMap(namesOf));
  return {
    run: files.length === 0 ? (runs.published.at(-1)?.number ?? number) : number,
    earlierRuns: runs.published.length,
    newFiles: files.length,
    readFiles: listed.files.filter((file) => !unread(file)).length,
    changed: namedFiles(changed.map(({ path }) => path)),
    ignored: namedFiles(ignored.map(({ path }) => path)),
    missing: namedFiles(missingOf(runs, there)),
  };
}

/** Returns the paths that runs have read and the input no longer has, each once. */
function missingOf({ published }: Runs, there: ReadonlySet<string>): string[] {
  const read = published.flatMap(({ manifest }) => manifest.inputFiles ?? []);
  const missing = read.filter(({ path, realPath }) => !there.has(path) && !there.has(realPath ?? path));
  return [...new Set(missing.map(({ path }) => path))];
}
