import stringWidth from "string-width";

/** Columns that `text` takes on a terminal: wide characters take two, combining marks none. */
export function widthOf(text: string): number {
  return stringWidth(text);
}

const ELLIPSIS = "…";
const graphemes = new Intl.Segmenter();

/**
 * `text` in at most `columns` columns; what does not fit gives way to an ellipsis. Plain text only: no
 * colours.
 */
export function truncate(text: string, columns: number): string {
  if (widthOf(text) <= columns) return text;
  let kept = "";
  let width = 0;
  for (const { segment } of graphemes.segment(text)) {
    width += widthOf(segment);
    if (width > columns - 1) break;
    kept += segment;
  }
  return columns < 1 ? "" : `${kept}${ELLIPSIS}`;
}

/**
 * `text` over lines of at most `columns` columns, broken between words where it can be; at most so many,
 * and an ellipsis for the rest.
 */
export function wrapped(text: string, columns: number, lines: number): string[] {
  const done: string[] = [];
  let rest = text;
  while (done.length < lines - 1 && widthOf(rest) > columns) {
    const whole = truncate(rest, columns).slice(0, -ELLIPSIS.length);
    const blank = whole.lastIndexOf(" ");
    // A word that fills more than half a line is broken.
    const end = blank > whole.length / 2 ? blank + 1 : whole.length;
    done.push(rest.slice(0, end).trimEnd());
    rest = rest.slice(end);
  }
  if (widthOf(rest) <= columns) return [...done, rest];
  const cut = truncate(rest, columns - 1).slice(0, -ELLIPSIS.length);
  const blank = cut.lastIndexOf(" ");
  return [...done, `${blank > 0 ? cut.slice(0, blank + 1) : cut}${ELLIPSIS}`];
}

/** `text` with blanks after it (or before it, for numbers) up to `columns`. */
export function pad(text: string, columns: number, align: "left" | "right" = "left"): string {
  const blanks = " ".repeat(Math.max(0, columns - widthOf(text)));
  return align === "left" ? text + blanks : blanks + text;
}

/** Codes that steer a terminal, and marks that turn the direction of writing. */
const STEERING = /\p{Control}|[\u2028\u2029\u202a-\u202e\u2066-\u2069]/gu;

/**
 * `text` as one harmless line. What comes from data, files or other machines may hold line breaks and escape
 * codes, which would tear a table apart or steer the terminal.
 */
export function oneLine(text: string): string {
  return text.replace(/[\r\n\t]+/g, " ").replace(STEERING, "");
}

/**
 * As {@link oneLine}, but line breaks stay (a database marks a place in the line above): `indent` comes after
 * each.
 */
export function indented(text: string, indent: string): string {
  return text
    .trimEnd()
    .split("\n")
    .map((line) => line.replace(STEERING, ""))
    .join(`\n${indent}`);
}

/** `1 row`, `2 rows`: the count with separators. */
export function counted(count: number, noun: string): string {
  return `${Math.round(count).toLocaleString("en-US")} ${noun}${count === 1 ? "" : "s"}`;
}

/** Lines of a label and a value, the values one below the other. Entries with the value null are left out. */
export function labelled(
  entries: readonly (readonly [label: string, value: string | null])[],
  paintLabel: (label: string) => string,
  indent = "  ",
): string[] {
  const shown = entries.filter(([, value]) => value !== null);
  const width = Math.max(0, ...shown.map(([label]) => widthOf(label)));
  return shown.map(([label, value]) => `${indent}${paintLabel(pad(label, width))}  ${value}`);
}
