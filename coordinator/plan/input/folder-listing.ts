import type { DatasetFormat, FileIndex } from "../../../shared/domain/dataset.ts";
import { below, type Location, type TimedStat } from "../../../shared/domain/location.ts";
import type { Entry, Storage } from "../../../shared/storage/storage.ts";
import { jobOutputState } from "./job-output.ts";

/** A file: the path that led to it, and its path after links are resolved. */
export interface FoundPath {
  readonly path: Location;
  readonly realPath: Location;
  /** Facts of the file, if its listing has them. */
  readonly stat: TimedStat | null;
  /** Folder from which the job named it. Default: its own folder. */
  readonly root?: Location | undefined;
  /** Lake table that lists the file, and its facts from there. Default: none. */
  readonly table?: { readonly format: DatasetFormat; readonly index: FileIndex } | undefined;
}

/** A folder in or below one that the job names. */
export interface Folder extends Omit<FoundPath, "stat" | "root" | "table"> {
  /** Path relative to the named folder, with `/`. Empty for the named folder. */
  readonly relative: string;
  readonly parent: Folder | null;
}

export interface ListingOptions {
  readonly storage: Storage;
  /** Output folder of this job, with links resolved. It is never an input. */
  readonly ownOutput: Location | null;
  /** Receives the number of files in each listing, selected or not. */
  readonly onFound?: ((files: number) => void) | undefined;
  readonly signal: AbortSignal;
}

export async function listFolder(
  { path }: Folder,
  { storage, onFound, signal }: ListingOptions,
): Promise<readonly Entry[]> {
  const entries: Entry[] = [];
  for await (const page of storage.list(path, { signal })) {
    for (const entry of page) entries.push(entry);
    onFound?.(page.filter(({ kind }) => kind === "file").length);
  }
  return entries;
}

/** Checks whether a folder below the named one is a job's output, which is not entered. */
export async function isOutput(
  { path, realPath, parent }: Folder,
  entries: readonly Entry[],
  options: ListingOptions,
): Promise<boolean> {
  const names = entries.map(({ name }) => name);
  const isOne = realPath === options.ownOutput || (await jobOutputState(path, names, options)) !== "none";
  return parent !== null && isOne;
}

/** Returns the paths of an entry in a folder. */
export function entryIn(parent: Folder, name: string): Omit<Folder, "parent"> {
  const path = below(parent.path, name);
  return {
    path,
    // One string for both paths, if no link led here: there may be millions.
    realPath: parent.realPath === parent.path ? path : below(parent.realPath, name),
    relative: parent.relative === "" ? name : `${parent.relative}/${name}`,
  };
}
