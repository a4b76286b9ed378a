import * as z from "zod";
import { formatCount } from "../core/units.ts";
import type { FileStat } from "./location.ts";

/** `input.new`. */
export const NEW_SPEC = z
  .boolean()
  .describe(
    "`true`: each run is over the files that no published run has read, by location, size and version, and publishes to a folder " +
      "of its own, `output.path/run=000001/`, and so on. See [only what is new](#only-what-is-new).",
  );

/** `input.changed`. */
export const CHANGED_SPEC = z
  .enum(["again", "ignore", "error"])
  .describe(
    "Beside `new`: what becomes of a file that a run has read, and that is another now. It is read again, whole (`again`), left as it was read (`ignore`), or no " +
      "run begins (`error`). Left out: `again`.",
  );

/** Returns whether a run over what is new takes a file, when it begins. */
export type TakesFile = (file: FileStat & { readonly path: string }) => boolean;

/** What a job over what is new (`input.new`) found, against what its earlier runs have read. */
export interface NewInput {
  /** The number of this run, or of the last one where nothing is new. */
  readonly run: number;
  /** Published ones. */
  readonly earlierRuns: number;
  /** Files that this run reads, those that changed among them. */
  readonly newFiles: number;
  /** Files that are as an earlier run read them. */
  readonly readFiles: number;
  /** Files that an earlier run read in another version: read again, whole. */
  readonly changed: NamedFiles;
  /** ... and that are left as they were read. */
  readonly ignored: NamedFiles;
  /** Files that an earlier run read, and that are no input any more. */
  readonly gone: NamedFiles;
}

interface NamedFiles {
  readonly count: number;
  /** The first few, in order. */
  readonly examples: readonly string[];
}

/** Enough to see what they are. */
const EXAMPLES = 3;

export function namedFiles(paths: readonly string[]): NamedFiles {
  return { count: paths.length, examples: [...paths].sort().slice(0, EXAMPLES) };
}

/** What of it whoever starts the run should know, a line each. */
export function newInputLines({ run, earlierRuns, newFiles, readFiles, ...others }: NewInput): string[] {
  const earlier = `${counted(readFiles, "other")} ${readFiles === 1 ? "was" : "were"} read by ${counted(earlierRuns, "earlier run", "earlier runs")}`;
  return [
    `run ${run}, over ${counted(newFiles, "new file", "new files")}${earlierRuns === 0 ? "" : `: ${earlier}`}`,
    ...differences(others),
  ];
}

/** That there is nothing to do, and what changed all the same. */
export function nothingNewLines(output: string, found: NewInput): string[] {
  const { readFiles, earlierRuns } = found;
  const files = `${counted(readFiles, "file")} of the input ${readFiles === 1 ? "was" : "were"} read`;
  return [
    `nothing new: ${files} by the ${counted(earlierRuns, "run", "runs")} in ${output}`,
    ...differences(found),
  ];
}

function differences({ changed, ignored, gone }: Pick<NewInput, "changed" | "ignored" | "gone">): string[] {
  return [
    ...(changed.count === 0
      ? []
      : [
          `${counted(changed.count, "file has", "files have")} changed since a run read ${changed.count === 1 ? "it" : "them"}, and what was read then stays in the output beside what is read now: ${named(changed)}`,
        ]),
    ...(ignored.count === 0
      ? []
      : [
          `${counted(ignored.count, "file has", "files have")} changed since a run read ${ignored.count === 1 ? "it" : "them"}, and ${ignored.count === 1 ? "is" : "are"} not read again (input.changed): ${named(ignored)}`,
        ]),
    ...(gone.count === 0
      ? []
      : [
          `${counted(gone.count, "file is", "files are")} gone that a run has read, and the rows stay in the output: ${named(gone)}`,
        ]),
  ];
}

function counted(count: number, one: string, many = `${one}s`): string {
  return `${formatCount(count)} ${count === 1 ? one : many}`;
}

function named({ count, examples }: NamedFiles): string {
  return `${examples.join(", ")}${count > examples.length ? ", ..." : ""}`;
}
