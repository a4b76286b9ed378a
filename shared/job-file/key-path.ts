/** Keys that lead to a value of a job file. Numbers are indices in a list. */
export type KeyPath = readonly (string | number)[];

const PLAIN_KEY = /^[A-Za-z0-9_-]+$/;

/**
 * Formats a key path for messages and `--set`: `map.inputs."a.b".columns[0]`. Keys with special characters
 * are quoted.
 */
export function formatKeyPath(path: KeyPath): string {
  let text = "";
  for (const part of path) {
    if (typeof part === "number") text += `[${part}]`;
    else text += `${text === "" ? "" : "."}${PLAIN_KEY.test(part) ? part : JSON.stringify(part)}`;
  }
  return text;
}

/**
 * Parses the key path at the start of `text`, up to `=` or the end. It is the inverse of `formatKeyPath`.
 * `end` is the offset behind the path. Null: the text does not start with a valid path.
 */
export function parseKeyPath(text: string): { readonly path: KeyPath; readonly end: number } | null {
  const path: (string | number)[] = [];
  const part = /\[(\d{1,9})\]|(\.?)(?:("(?:[^"\\]|\\.)*")|([^."=[\]\s]+))/y;
  let place = 0;
  while (place < text.length && text[place] !== "=") {
    part.lastIndex = place;
    const match = part.exec(text);
    if (match === null) return null;
    const [, index, dot, quoted, plain] = match;
    if (index === undefined && (dot === ".") !== path.length > 0) return null;
    const key = index === undefined ? (plain ?? unquoted(quoted ?? "")) : Number(index);
    if (key === null || (typeof key === "number" && path.length === 0)) return null;
    path.push(key);
    place = part.lastIndex;
  }
  return path.length === 0 ? null : { path, end: place };
}

function unquoted(quoted: string): string | null {
  try {
    const value: unknown = JSON.parse(quoted);
    return typeof value === "string" ? value : null;
  } catch {
    return null;
  }
}
