/**
 * The patterns of `input.path`. A backslash takes the meaning from the character after it, so that what is
 * not written in the job file (its folder, the value of a variable) stands in a pattern as what it is.
 */

/** Whatever has a meaning somewhere in a pattern, and the backslash itself. */
const MEANINGFUL = /[\\*?[\]{}()!@+|,]/g;
const ESCAPED = /\\([\\*?[\]{}()!@+|,=])/g;
/** With what is escaped taken out: `*`, `?`, `[ab]`, `{a,b}`, `@(a|b)`. */
const WILD = /[*?[{]|[@+!]\(/;

/** The pattern that stands for `text` alone. */
export function literalPattern(text: string): string {
  return text.replace(MEANINGFUL, "\\$&");
}

/** ... of the job file's folder: it makes no columns either, as other folders `name=value` do. */
export function literalFolder(folder: string): string {
  return literalPattern(folder).replaceAll("=", "\\=");
}

/** How many of a path's names, from its first, are in the job file's folder, as far as that matters. */
export function namesOfFolder(path: string): number {
  return path.split("/").findLastIndex((name) => name.includes("\\=")) + 1;
}

/** The text that a pattern stands for where nothing in it is taken for a wildcard. */
export function literalText(pattern: string): string {
  return pattern.replace(ESCAPED, "$1");
}

interface SplitPattern {
  /** What is before the first wildcard: a folder; the whole path where there is none. */
  readonly literal: string;
  /** The rest, relative to that folder, still a pattern; null where there are no wildcards. */
  readonly pattern: string | null;
}

export function splitPattern(path: string): SplitPattern {
  const segments = path.split("/");
  const wild = segments.findIndex((segment) => WILD.test(segment.replace(ESCAPED, "")));
  if (wild < 0) return { literal: literalText(path), pattern: null };
  const literal = literalText(segments.slice(0, wild).join("/"));
  return { literal: literal === "" ? "/" : literal, pattern: segments.slice(wild).join("/") };
}

/** A path of the input as people know it: what is literal without its backslashes. */
export function shownPath(path: string): string {
  const { literal, pattern } = splitPattern(path);
  if (pattern === null) return literal;
  return literal === "/" ? `/${pattern}` : `${literal}/${pattern}`;
}
