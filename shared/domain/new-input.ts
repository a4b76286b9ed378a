import { formatCount } from "../core/units.ts";
import type { FileStat } from "./location.ts";

/** Decides whether a run over new files reads a file. Called when the run begins. */
export type TakesFile = (file: FileStat & { readonly path: string }) => boolean;

/** Input of a job with `input.new`, compared with what its earlier runs have read. */
export interface NewInput {
  /** Number of this run. If nothing is new: number of the last run. */
  readonly run: number;
  /** Count of earlier published runs. */
  readonly earlierRuns: number;
  /** Count of files that this run reads, changed ones included. */
  readonly newFiles: number;
  /** Count of files that have not changed since an earlier run read them. */
  readonly readFiles: number;
  /** Files that have changed since an earlier run, and are read again from the beginning. */
  readonly changed: NamedFiles;
  /** Files that have changed since an earlier run, and are not read again. */
  readonly ignored: NamedFiles;
  /** Files that an earlier run read, and that no longer exist in the input. */
  readonly missing: NamedFiles;
}

interface NamedFiles {
  readonly count: number;
  /** First paths, in order. */
  readonly examples: readonly string[];
}

/** Enough to recognise the kind of file. */
const EXAMPLES = 3;

export function namedFiles(paths: readonly string[]): NamedFiles {
  return { count: paths.length, examples: [...paths].sort().slice(0, EXAMPLES) };
}

/** Returns lines about new and changed files, for the user who starts the run. */
export function newInputLines({ run, earlierRuns, newFiles, readFiles, ...others }: NewInput): string[] {
  const earlier = `${counted(readFiles, "other")} ${readFiles === 1 ? "was" : "were"} read by ${counted(earlierRuns, "earlier run", "earlier runs")}`;
  return [
    `run ${run}, over ${counted(newFiles, "new file", "new files")}${earlierRuns === 0 ? "" : `: ${earlier}`}`,
    ...differences(others),
  ];
}

/** Returns lines that report that nothing is new, and which files changed. */
export function nothingNewLines(output: string, found: NewInput): string[] {
  const { readFiles, earlierRuns } = found;
  const files = `${counted(readFiles, "file")} of the input ${readFiles === 1 ? "was" : "were"} read`;
  return [
    `nothing new: ${files} by the ${counted(earlierRuns, "run", "runs")} in ${output}`,
    ...differences(found),
  ];
}

function differences({
  changed,
  ignored,
  missing,
}: Pick<NewInput, "changed" | "ignored" | "missing">): string[] {
  return [
    ...(changed.count === 0
      ? []
      : [
          `${counted(changed.count, "file has", "files have")} changed since a run read ${changed.count === 1 ? "it" : "them"}, and the rows from then stay in the output beside the new ones: ${named(changed)}`,
        ]),
    ...(ignored.count === 0
      ? []
      : [
          `${counted(ignored.count, "file has", "files have")} changed since a run read ${ignored.count === 1 ? "it" : "them"}, and ${ignored.count === 1 ? "is" : "are"} not read again (input.changed): ${named(ignored)}`,
        ]),
    ...(missing.count === 0
      ? []
      : [
          `${counted(missing.count, "file is", "files are")} gone that a run has read, and the rows stay in the output: ${named(missing)}`,
        ]),
  ];
}

function counted(count: number, one: string, many = `${one}s`): string {
  return `${formatCount(count)} ${count === 1 ? one : many}`;
}

function named({ count, examples }: NamedFiles): string {
  return `${examples.join(", ")}${count > examples.length ? ", ..." : ""}`;
}
