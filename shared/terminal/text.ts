import stringWidth from "string-width";
import { formatCount } from "../core/units.ts";

/** Returns the width of `text` on a terminal. Wide characters take two columns, combining marks none. */
export function widthOf(text: string): number {
  return stringWidth(text);
}

const ELLIPSIS = "…";

/**
 * Cuts `text` to at most `columns` columns, with an ellipsis for the rest. Plain text only, without colours.
 */
export function truncate(text: string, columns: number): string {
  if (widthOf(text) <= columns) return text;
  let kept = "";
  let width = 0;
  for (const { segment } of new Intl.Segmenter().segment(text)) {
    width += widthOf(segment);
    if (width > columns - 1) break;
    kept += segment;
  }
  return columns < 1 ? "" : `${kept}${ELLIPSIS}`;
}

/**
 * Wraps `text` to lines of at most `columns` columns, between words if possible. An ellipsis replaces the
 * text behind the last line.
 */
export function wrapped(text: string, columns: number, lines: number): string[] {
  const done: string[] = [];
  let rest = text;
  while (done.length < lines - 1 && widthOf(rest) > columns) {
    const whole = truncate(rest, columns).slice(0, -ELLIPSIS.length);
    const blank = whole.lastIndexOf(" ");
    // Break a word that fills more than half a line.
    const end = blank > whole.length / 2 ? blank + 1 : whole.length;
    done.push(rest.slice(0, end).trimEnd());
    rest = rest.slice(end);
  }
  if (widthOf(rest) <= columns) return [...done, rest];
  const cut = truncate(rest, columns - 1).slice(0, -ELLIPSIS.length);
  const blank = cut.lastIndexOf(" ");
  return [...done, `${blank > 0 ? cut.slice(0, blank + 1) : cut}${ELLIPSIS}`];
}

/** Pads `text` to `columns` with blanks after it, or before it for numbers. */
export function pad(text: string, columns: number, align: "left" | "right" = "left"): string {
  const blanks = " ".repeat(Math.max(0, columns - widthOf(text)));
  return align === "left" ? text + blanks : blanks + text;
}

/** Codes that control a terminal, and marks that change the writing direction. */
const STEERING = /\p{Control}|[\u2028\u2029\u202a-\u202e\u2066-\u2069]/gu;

/**
 * Returns `text` as one harmless line. Text from data, files or other machines may contain line breaks and
 * escape codes. These would break a table or control the terminal.
 */
export function oneLine(text: string): string {
  return text.replace(/[\r\n\t]+/g, " ").replace(STEERING, "");
}

/**
 * Cleans a text like {@link oneLine}, but keeps line breaks and adds `indent` after each. A database may mark
 * a place in the line above.
 */
export function indented(text: string, indent: string): string {
  return text
    .trimEnd()
    .split("\n")
    .map((line) => line.replace(STEERING, ""))
    .join(`\n${indent}`);
}

/** Formats a count with its noun: `1 row`, `2 rows`. */
export function counted(count: number, noun: string): string {
  return `${formatCount(count)} ${noun}${count === 1 ? "" : "s"}`;
}

/** Formats lines of a label and a value, with aligned values. Skips entries whose value is null. */
export function labelled(
  entries: readonly (readonly [label: string, value: string | null])[],
  paintLabel: (label: string) => string,
  indent = "  ",
): string[] {
  const shown = entries.filter(([, value]) => value !== null);
  const width = Math.max(0, ...shown.map(([label]) => widthOf(label)));
  return shown.map(([label, value]) => `${indent}${paintLabel(pad(label, width))}  ${value}`);
}
