import { below, type FileStat, type Location } from "../../../shared/domain/location.ts";
import type { Entry, Storage } from "../../../shared/storage/storage.ts";
import { jobOutputState } from "./job-output.ts";

/** A file under the name that led to it, and the one that it has without links. */
export interface FoundPath {
  readonly path: Location;
  readonly realPath: Location;
  /** Where its listing told it. */
  readonly stat: FileStat | null;
}

/** A folder on the way down from one that the job names. */
export interface Folder extends Omit<FoundPath, "stat"> {
  /** Relative to the first folder, with `/`; empty for that one. */
  readonly relative: string;
  readonly parent: Folder | null;
}

export interface ListingOptions {
  readonly storage: Storage;
  /** This job's output folder, without links: it is no input, whatever is in it. */
  readonly ownOutput: Location | null;
  /** Told of each so many files that are listed, whether they are selected or not. */
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

/** Whether a folder that was met is where a job publishes to: it is not gone into. */
export async function isOutput(
  { path, realPath, parent }: Folder,
  entries: readonly Entry[],
  options: ListingOptions,
): Promise<boolean> {
  const names = entries.map(({ name }) => name);
  const isOne = realPath === options.ownOutput || (await jobOutputState(path, names, options)) !== "none";
  return parent !== null && isOne;
}

/** What lies in a folder under a name. */
export function entryIn(parent: Folder, name: string): Omit<Folder, "parent"> {
  const path = below(parent.path, name);
  return {
    path,
    // One text for both where no link led here: there may be millions of them.
    realPath: parent.realPath === parent.path ? path : below(parent.realPath, name),
    relative: parent.relative === "" ? name : `${parent.relative}/${name}`,
  };
}
