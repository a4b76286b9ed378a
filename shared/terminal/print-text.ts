import { stripVTControlCharacters } from "node:util";
import wrapAnsi from "wrap-ansi";
import { createStyle, type Style } from "./style.ts";
import { widthOf } from "./text.ts";

/** Column behind which later lines of a wrapped line never begin: a share of the terminal's width. */
const MOST_INDENT = 0.6;

/** Width below which wrapped lines would have a word each. Some terminals report 0. */
const LEAST_COLUMNS = 20;

const NO_LABEL = "  ";

/** Prints a text for people, with the colours of the stream, in lines that fit a terminal. */
export function printText(stream: NodeJS.WriteStream, render: (style: Style) => string): void {
  stream.write(`${fitted(render(createStyle(stream)), stream.isTTY ? stream.columns : 0)}\n`);
}

/**
 * Wraps lines that are wider than the terminal, between words. Later lines begin below the last column of the
 * line: `label  a long value`. A word that is wider stays whole, so that paths can be copied.
 *
 * @param columns 0: unknown, or no terminal. Then lines stay as they are, as in very narrow terminals
 */
export function fitted(text: string, columns: number): string {
  if (columns < LEAST_COLUMNS) return text;
  return text
    .split("\n")
    .map((line) => (widthOf(line) <= columns ? line : wrappedLine(line, columns)))
    .join("\n");
}

function wrappedLine(line: string, columns: number): string {
  const plain = stripVTControlCharacters(line);
  const labels = [...plain.matchAll(/ {2,}/g)].map(({ index, 0: gap }) => index + gap.length);
  const indent = labels.findLast((at) => at <= columns * MOST_INDENT && at < plain.length) ?? 0;
  const head = headOf(line, indent);
  // Without a label, later lines begin a little further to the right than the first one.
  const later = head === "" ? NO_LABEL : " ".repeat(indent);
  return head + wrapAnsi(line.slice(head.length), columns - later.length).replaceAll("\n", `\n${later}`);
}

/** Returns the beginning of a line that fills so many columns, with its codes for colours. */
function headOf(line: string, columns: number): string {
  return new RegExp(`^(?:(?:\\u001b\\[[\\d;]*m)*[^\\u001b]){${columns}}`, "u").exec(line)?.[0] ?? "";
}
