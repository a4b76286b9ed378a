import { basename } from "node:path";
import { braceExpand, Minimatch, type MinimatchOptions } from "minimatch";
import type { JobSpec } from "../../../shared/domain/job-spec.ts";
import { extensionOf, extensionsOf } from "./data-extensions.ts";

/**
 * What becomes of something that is met on the way down: `pass` is nobody's business, the others are left out
 * and named.
 */
export type Choice = "take" | "pass" | "hidden" | "otherEnding";

/** Which files below a named folder are meant. Paths are relative to that folder, with `/`. */
export interface Selection {
  file(path: string): Choice;
  /** Whether to go into a folder. */
  folder(path: string): Choice;
  /** Whether what is taken from a folder depends on the way that led to it. */
  readonly wayMatters: boolean;
}

type Format = JobSpec["input"]["format"];

/** All data files below a folder. */
export function everyFile(format: Format): Selection {
  return {
    wayMatters: false,
    folder: (path) => (isHidden(path) ? "hidden" : "take"),
    file: (path) => {
      if (isHidden(path)) return isData(path, format) ? "hidden" : "pass";
      return isData(path, format) ? "take" : "otherEnding";
    },
  };
}

/**
 * A pattern that stands for more alternatives than this is a slip; each file is compared with all of them.
 */
const MAX_ALTERNATIVES = 10_000;

const OPTIONS: MinimatchOptions = { nonegate: true, nocomment: true, platform: "linux" };

/**
 * The files that match a pattern. A wildcard does not stand for names that begin with `.` or `_`; a part of
 * the pattern that begins with one does. Where the job says what format its files have, their endings do not
 * matter.
 *
 * @returns a text that says what is wrong with the pattern, where something is
 */
export function matchingFiles(pattern: string, format: Format): Selection | string {
  let alternatives: string[];
  try {
    alternatives = braceExpand(pattern, { ...OPTIONS, braceExpandMax: MAX_ALTERNATIVES + 1 });
    if (alternatives.length > MAX_ALTERNATIVES)
      return `stands for more than ${MAX_ALTERNATIVES} alternatives`;
  } catch (error) {
    return error instanceof Error ? error.message : String(error);
  }
  const matchersOf = (patterns: readonly string[], dot: boolean) =>
    patterns.map((each) => new Minimatch(each, { ...OPTIONS, nobrace: true, dot }));
  const visible = matchersOf(alternatives.map(hiddenAsDots), false);
  const all = matchersOf(alternatives, true);
  const choice = (path: string, isFolder: boolean): Choice => {
    const name = hiddenAsDots(path);
    if (visible.some((matcher) => matcher.match(name, isFolder))) return "take";
    return all.some((matcher) => matcher.match(path, isFolder)) ? "hidden" : "pass";
  };
  const anyEnding = format !== "auto";
  return {
    wayMatters: true,
    folder: (path) => choice(path, true),
    file: (path) => {
      const found = choice(path, false);
      if (found === "pass" || anyEnding || isData(path, format)) return found;
      return found === "take" ? "otherEnding" : "pass";
    },
  };
}

/**
 * For the matcher, which knows only names with a dot as hidden: `_a` is `._a` in patterns and in names, and
 * `.a` is `.-a`, so that neither is taken for the other.
 */
function hiddenAsDots(path: string): string {
  return path.replace(
    /(^|\/)(_|\.(?!\.?(\/|$)))/g,
    (_all, before, mark) => `${before}${mark === "_" ? "._" : ".-"}`,
  );
}

function isHidden(path: string): boolean {
  return /^[._]/.test(basename(path));
}

function isData(path: string, format: Format): boolean {
  return extensionsOf(format).includes(extensionOf(path));
}
