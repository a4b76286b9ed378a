import { formatCount } from "../core/units.ts";
import { FILE_FORMATS } from "./formats.ts";

/**
 * Reasons why an entry in a folder, or a match of `input.path`, is not input:
 *
 * - `jobOutput`: output folder of this job or another one.
 * - `hidden`: name that begins with `.` or `_`.
 * - `otherEnding`: file whose ending no format of this job has.
 * - `again`: other name for a file or folder that is read already.
 * - `ruledOut`: file that `input.where` excludes by the folders `name=value` in its path.
 * - `ruledOutFolder`: such a folder that was never listed, so its file count is unknown.
 */
const SKIP_REASONS = ["jobOutput", "hidden", "otherEnding", "again", "ruledOut", "ruledOutFolder"] as const;
type SkipReason = (typeof SKIP_REASONS)[number];

/** Entries that were excluded for one reason. */
export interface SkippedFiles {
  readonly reason: SkipReason;
  readonly count: number;
  /** First absolute paths, in order. */
  readonly examples: readonly string[];
}

/** Enough to recognise the kind of file. */
const EXAMPLES = 3;

/**
 * Counts excluded entries, and keeps a few names for each reason. The names do not depend on the order of
 * calls.
 */
export class SkippedTally {
  readonly #byReason = new Map<SkipReason, { count: number; examples: string[] }>();

  note(reason: SkipReason, path: string): void {
    this.#add(reason, 1, [path]);
  }

  addAll(others: readonly SkippedFiles[]): void {
    for (const { reason, count, examples } of others) this.#add(reason, count, examples);
  }

  list(): SkippedFiles[] {
    return SKIP_REASONS.flatMap((reason) => {
      const found = this.#byReason.get(reason);
      return found === undefined ? [] : [{ reason, count: found.count, examples: [...found.examples] }];
    });
  }

  #add(reason: SkipReason, count: number, paths: readonly string[]): void {
    const known = this.#byReason.get(reason) ?? { count: 0, examples: [] };
    this.#byReason.set(reason, known);
    known.count += count;
    // Millions may come, so only the first are kept.
    const last = known.examples[EXAMPLES - 1];
    const better = last === undefined ? paths : paths.filter((path) => path < last);
    if (better.length > 0) known.examples = [...known.examples, ...better].sort().slice(0, EXAMPLES);
  }
}

const WORDS: Readonly<Record<SkipReason, readonly [one: string, many: string]>> = {
  jobOutput: ["output of a job", "outputs of jobs"],
  hidden: ["name that begins with . or _", "names that begin with . or _"],
  otherEnding: ["file with another extension", "files with other extensions"],
  again: ["other name of a file that is read already", "other names of files that are read already"],
  ruledOut: [
    "file that `input.where` rules out by its folders",
    "files that `input.where` rules out by their folders",
  ],
  ruledOutFolder: [
    "folder that `input.where` rules out, not listed",
    "folders that `input.where` rules out, not listed",
  ],
};

/** Returns one phrase for each reason: `2 outputs of jobs (/data/out-v1, /data/out-v2)`. */
export function skippedPhrases(skippedFiles: readonly SkippedFiles[]): string[] {
  return skippedFiles.map(({ reason, count, examples }) => {
    const [one, many] = WORDS[reason];
    const shown = `${examples.join(", ")}${count > examples.length ? ", ..." : ""}`;
    return `${formatCount(count)} ${count === 1 ? one : many} (${shown})`;
  });
}

/** Returns the hint for excluded files that can be rows. Null: no format reads such files. */
export function rowFilesHint(skippedFiles: readonly SkippedFiles[]): string | null {
  const others = skippedFiles.find(({ reason }) => reason === "otherEnding");
  const [format] = FILE_FORMATS;
  if (others === undefined || format === undefined) return null;
  return `for a row for each file, with its bytes in \`content\`, set input.format to ${format.name}`;
}
