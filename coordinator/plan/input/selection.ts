import { basename } from "node:path";
import { braceExpand, Minimatch, type MinimatchOptions } from "minimatch";
import type { JobSpec } from "../../../shared/domain/job-spec.ts";
import { extensionOf, extensionsOf, INFERRED } from "./data-extensions.ts";

/**
 * Decision about an entry. `pass`: the entry is irrelevant. The others but `take` exclude it and report the
 * cause.
 */
export type Choice = "take" | "pass" | "hidden" | "otherEnding";

/** Selects files below a named folder. Paths are relative to that folder, with `/`. */
export interface Selection {
  file(path: string): Choice;
  /** Decides whether to enter a folder. */
  folder(path: string): Choice;
  /** True when the selection in a folder depends on its path, so that a link may lead to it again. */
  readonly wayMatters: boolean;
}

type Format = JobSpec["input"]["format"];

/** Selects all data files below a folder. */
export function everyFile(format: Format): Selection {
  const isData = dataOf(format);
  return {
    wayMatters: false,
    folder: (path) => (isHidden(path) ? "hidden" : "take"),
    file: (path) => {
      if (isHidden(path)) return isData(path) ? "hidden" : "pass";
      return isData(path) ? "take" : "otherEnding";
    },
  };
}

/** Limit of a pattern's alternatives. More are a mistake, and each file is compared with all of them. */
const MAX_ALTERNATIVES = 10_000;

const OPTIONS: MinimatchOptions = { nonegate: true, nocomment: true, platform: "linux" };

/**
 * Selects the files that match a pattern. A wildcard does not match names that begin with `.` or `_`, but a
 * part that begins with one does. If the job sets a format, file extensions do not matter.
 *
 * @returns a text that describes the fault of an invalid pattern
 */
export function matchingFiles(pattern: string, format: Format): Selection | string {
  let alternatives: string[];
  try {
    alternatives = braceExpand(pattern, { ...OPTIONS, braceExpandMax: MAX_ALTERNATIVES + 1 });
    if (alternatives.length > MAX_ALTERNATIVES) return `has more than ${MAX_ALTERNATIVES} alternatives`;
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
    // Most names of a bucket match nothing, and none of their parts is hidden.
    if (name === path) return "pass";
    return all.some((matcher) => matcher.match(path, isFolder)) ? "hidden" : "pass";
  };
  const anyEnding = format !== "auto" && format !== INFERRED;
  const isData = dataOf(format);
  return {
    wayMatters: true,
    folder: (path) => choice(path, true),
    file: (path) => {
      const found = choice(path, false);
      if (found === "pass" || anyEnding || isData(path)) return found;
      return found === "take" ? "otherEnding" : "pass";
    },
  };
}

/**
 * Encodes hidden names for the matcher, which hides only names with a dot. In patterns and names, `_a`
 * becomes `._a` and `.a` becomes `.-a`, so that they stay distinct.
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

/** Returns a check for the extensions of a format. There may be millions of paths. */
function dataOf(format: Format): (path: string) => boolean {
  const extensions = extensionsOf(format);
  if (extensions === null) return () => true;
  const known = new Set(extensions);
  return (path) => known.has(extensionOf(path));
}
