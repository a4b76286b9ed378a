import type { JobSpec } from "../../shared/domain/job-spec.ts";
import { type FileStat, type Location, parseLocation } from "../../shared/domain/location.ts";
import type { OutputManifest } from "../../shared/domain/manifest.ts";
import { type NewInput, namedFiles } from "../../shared/domain/new-input.ts";
import type { Storage } from "../../shared/storage/storage.ts";
import { discoverFiles, type FoundInput } from "../plan/input/discover.ts";
import { readStores } from "../plan/read-stores.ts";
import { findOutputPaths, withRun } from "../publish/work-paths.ts";
import { type PublishedRun, type Runs, readRuns, runFolder } from "./read-runs.ts";

/** What a job over what is new has to do now. */
export type NextRun =
  /** A run over `input`, of the job as it is for it: with a folder of its own as output. */
  | {
      readonly kind: "run";
      readonly spec: JobSpec;
      readonly input: FoundInput;
      readonly found: NewInput;
      /** The last of those before; null for the first run. */
      readonly before: OutputManifest | null;
    }
  | { readonly kind: "nothingNew"; readonly last: PublishedRun; readonly found: NewInput };

interface NextRunOptions {
  /** Of `output.path`. */
  readonly storage: Storage;
  /** The input files of the plan that is sealed in a journal, of a run that has begun; null for none. */
  readonly sealedFiles: (journal: string) => Promise<ReadonlySet<string> | null>;
  readonly signal: AbortSignal;
  /** Leaves a run that has begun and not ended, and what it had chosen: its folder will be cleared. */
  readonly fresh: boolean;
}

/**
 * Looks at what the earlier runs of a job have read, and at its input: all that none of them read, by
 * location, size and version, is for the next. A run that began and did not end goes on with the files that
 * it began with, whatever came since: the plan of a run is sealed.
 *
 * @param spec with `input.new`
 * @throws what listing the input throws; {OUTPUT_OCCUPIED} {OUTPUT_FAILED} as `readRuns`
 */
export async function nextRun(spec: JobSpec, options: NextRunOptions): Promise<NextRun> {
  const { storage, sealedFiles, signal, fresh } = options;
  const base = parseLocation(spec.output.path);
  const runs = await readRuns(base, storage);
  const stores = await readStores(spec);
  const listed = await discoverFiles(spec.input, base, signal, { stores });
  const number = runs.unfinished ?? (runs.published.at(-1)?.number ?? 0) + 1;
  const ownSpec = { ...spec, output: { ...spec.output, path: runFolder(base, number) } };
  const begun =
    runs.unfinished === null || fresh
      ? null
      : await sealedFiles(withRun(await findOutputPaths(ownSpec, storage), null).journal);
  const read = readBefore(runs);
  const isNew = begun === null ? isUnread(read) : ({ path }: { readonly path: string }) => begun.has(path);
  const files = listed.files.filter(isNew);
  const found = compare(listed, { files, read, runs, number });
  const last = runs.published.at(-1);
  if (files.length === 0 && begun === null && last !== undefined) return { kind: "nothingNew", last, found };
  return {
    kind: "run",
    spec: ownSpec,
    input: { ...listed, files },
    found,
    before: last?.manifest ?? null,
  };
}

/**
 * What each file was when it was read: its size beside its version, which on a disk is a time that a copy
 * may keep.
 */
type ReadFiles = ReadonlyMap<Location, ReadonlySet<string>>;

function readBefore({ published }: Runs): ReadFiles {
  const read = new Map<Location, Set<string>>();
  for (const { manifest } of published) {
    for (const { path, ...stat } of manifest.inputFiles ?? []) {
      const location = parseLocation(path);
      read.set(location, (read.get(location) ?? new Set()).add(asRead(stat)));
    }
  }
  return read;
}

function isUnread(read: ReadFiles) {
  return (file: FoundInput["files"][number]) => read.get(file.path)?.has(asRead(file)) !== true;
}

function asRead({ bytes, version }: FileStat): string {
  return `${bytes} bytes, ${version}`;
}

interface Compared {
  /** What this run reads. */
  readonly files: FoundInput["files"];
  readonly read: ReadFiles;
  readonly runs: Runs;
  readonly number: number;
}

function compare(listed: FoundInput, { files, read, runs, number }: Compared): NewInput {
  const unread = isUnread(read);
  const changed = files.filter((file) => unread(file) && read.has(file.path));
  const there = new Set(listed.files.map(({ path }) => path));
  return {
    run: files.length === 0 ? (runs.published.at(-1)?.number ?? number) : number,
    earlierRuns: runs.published.length,
    newFiles: files.length,
    readFiles: listed.files.filter((file) => !unread(file)).length,
    changed: namedFiles(changed.map(({ path }) => path)),
    gone: namedFiles([...read.keys()].filter((path) => !there.has(path))),
  };
}
