import { formatCount } from "../core/units.ts";
import { FEATURES } from "./features.ts";
import { FORMATS } from "./formats.ts";
import { type Location, localPathOf, schemeOf } from "./location.ts";

/**
 * Why something that lies in a folder or fits a pattern of `input.path` is no input:
 *
 * - `jobOutput`: a folder that a job publishes to, this one or another;
 * - `hidden`: its name begins with `.` or `_`;
 * - `otherEnding`: the ending of its name is that of no data file of this job;
 * - `again`: another name for a file or folder that is read already;
 * - `ruledOut`: `input.where` is true of none of its rows, by the folders `name=value` that it lies in;
 * - `ruledOutFolder`: a folder of which that was known before it was listed; how many files it has is not.
 */
const LEFT_OUT_REASONS = [
  "jobOutput",
  "hidden",
  "otherEnding",
  "again",
  "ruledOut",
  "ruledOutFolder",
] as const;
type LeftOutReason = (typeof LEFT_OUT_REASONS)[number];

/** What was left out of the input for one reason. */
export interface LeftOut {
  readonly reason: LeftOutReason;
  readonly count: number;
  /** Absolute paths: the first few in order. */
  readonly examples: readonly string[];
}

/** Enough to see what they are. */
const EXAMPLES = 3;

/**
 * Counts what is left out of the input, and keeps a few names of each kind, the same ones in whatever order
 * they come.
 */
export class LeftOutTally {
  readonly #byReason = new Map<LeftOutReason, { count: number; examples: string[] }>();

  note(reason: LeftOutReason, path: string): void {
    this.#add(reason, 1, [path]);
  }

  addAll(others: readonly LeftOut[]): void {
    for (const { reason, count, examples } of others) this.#add(reason, count, examples);
  }

  list(): LeftOut[] {
    return LEFT_OUT_REASONS.flatMap((reason) => {
      const found = this.#byReason.get(reason);
      return found === undefined ? [] : [{ reason, count: found.count, examples: [...found.examples] }];
    });
  }

  #add(reason: LeftOutReason, count: number, paths: readonly string[]): void {
    const known = this.#byReason.get(reason) ?? { count: 0, examples: [] };
    this.#byReason.set(reason, known);
    known.count += count;
    // There may be millions of them, and only the first are kept.
    const last = known.examples[EXAMPLES - 1];
    const better = last === undefined ? paths : paths.filter((path) => path < last);
    if (better.length > 0) known.examples = [...known.examples, ...better].sort().slice(0, EXAMPLES);
  }
}

const WORDS: Readonly<Record<LeftOutReason, readonly [one: string, many: string]>> = {
  jobOutput: ["output of a job", "outputs of jobs"],
  hidden: ["name that begins with . or _", "names that begin with . or _"],
  otherEnding: ["file of another ending", "files of other endings"],
  again: ["other name for what is read already", "other names for what is read already"],
  ruledOut: [
    "file that `input.where` rules out by its folders",
    "files that `input.where` rules out by their folders",
  ],
  ruledOutFolder: [
    "folder that `input.where` rules out, not looked into",
    "folders that `input.where` rules out, not looked into",
  ],
};

/** One phrase a reason: `2 outputs of jobs (/data/out-v1, /data/out-v2)`. */
export function leftOutPhrases(leftOut: readonly LeftOut[]): string[] {
  return leftOut.map(({ reason, count, examples }) => {
    const [one, many] = WORDS[reason];
    const shown = `${examples.join(", ")}${count > examples.length ? ", ..." : ""}`;
    return `${formatCount(count)} ${count === 1 ? one : many} (${shown})`;
  });
}

/**
 * Says how files of a feature become rows: by a file of their paths, which one command writes. Null where the
 * files that were left out are something else, or no format is written by hand.
 */
export function rowFilesHint(folder: Location, leftOut: readonly LeftOut[]): string | null {
  const others = leftOut.find(({ reason }) => reason === "otherEnding")?.examples ?? [];
  const feature = FEATURES.find(({ draft }) => others.some((path) => draft?.name.test(path)));
  if (feature?.draft === undefined) return null;
  const listing = FORMATS.find((format) => format.listing !== undefined)?.listing;
  if (listing === undefined) return null;
  const { files, draft } = feature;
  if (schemeOf(folder) !== "file") return listing(files, null);
  const names = draft.endings.map((ending) => `-iname '*.${ending}'`).join(" -o ");
  return listing(files, `find ${quoted(localPathOf(folder))} -type f \\( ${names} \\)`);
}

/** Writes a path as a shell reads it. */
function quoted(path: string): string {
  return `'${path.replaceAll("'", "'\\''")}'`;
}
