/**
 * Patterns of `input.path`. A backslash makes the next character literal. It escapes texts from outside the
 * job file, such as its folder and variables.
 */

/** Characters with a meaning in patterns, and the backslash itself. */
const MEANINGFUL = /[\\*?[\]{}()!@+|,]/g;
const ESCAPED = /\\([\\*?[\]{}()!@+|,=])/g;
/** Wildcards, once escapes are removed: `*`, `?`, `[ab]`, `{a,b}`, `@(a|b)`. */
const WILD = /[*?[{]|[@+!]\(/;

/** Returns the pattern that matches `text` alone. */
export function literalPattern(text: string): string {
  return text.replace(MEANINGFUL, "\\$&");
}

/** Returns the pattern for the job file's folder. Escaped `=` prevents columns from its names. */
export function literalFolder(folder: string): string {
  return literalPattern(folder).replaceAll("=", "\\=");
}

/**
 * Returns how many leading names of a path belong to the job file's folder. The last such name has an escaped
 * `=`. Later names of the folder do not matter.
 */
export function namesOfFolder(path: string): number {
  return path.split("/").findLastIndex((name) => name.includes("\\=")) + 1;
}

/** Removes the escapes from a pattern without wildcards. */
export function literalText(pattern: string): string {
  return pattern.replace(ESCAPED, "$1");
}

interface SplitPattern {
  /** Folder before the first wildcard. Without wildcards: the whole path. */
  readonly literal: string;
  /** Pattern relative to that folder. Null: the path has no wildcards. */
  readonly pattern: string | null;
}

export function splitPattern(path: string): SplitPattern {
  const segments = path.split("/");
  const wild = segments.findIndex((segment) => WILD.test(segment.replace(ESCAPED, "")));
  if (wild < 0) return { literal: literalText(path), pattern: null };
  const literal = literalText(segments.slice(0, wild).join("/"));
  return { literal: literal === "" ? "/" : literal, pattern: segments.slice(wild).join("/") };
}

/** Returns a path of the input for messages, with its literal part unescaped. */
export function shownPath(path: string): string {
  const { literal, pattern } = splitPattern(path);
  if (pattern === null) return literal;
  return literal === "/" ? `/${pattern}` : `${literal}/${pattern}`;
}
