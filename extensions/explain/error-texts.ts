import { ERROR_CODES, type ErrorCode } from "../../shared/core/error-codes.ts";
import type { Style } from "../../shared/terminal/style.ts";
import { ERROR_HELP, ERROR_SECTIONS, type ErrorHelp } from "./error-help.ts";

const HEAD = `# Errors

This page is for users who have an error code and want to know what to do.
Every error message ends with its code in parentheses.
\`shardmill explain CODE\` prints the same on the command line.
\`npm run docs\` writes this page.`;

/** Returns the page docs/errors.md: all codes, by section. */
export function errorsPage(): string {
  const sections = Object.entries(ERROR_SECTIONS).map(
    ([title, codes]) => [title, Object.entries<ErrorHelp>(codes)] as const,
  );
  const contents = sections.map(([title]) => `- [${title}](#${anchorOf(title)})`).join("\n");
  const texts = sections.map(([title, codes]) => [`## ${title}`, ...codes.map(sectionOf)].join("\n\n"));
  return `${[HEAD, contents, ...texts].join("\n\n")}\n`;
}

function sectionOf([code, { what, why, remedy }]: readonly [string, ErrorHelp]): string {
  return [
    `### ${code}`,
    ...lines(what),
    "",
    ...lines(why, "- **Why**: "),
    ...lines(remedy, "- **What to do**: "),
    `- **Exit code**: ${ERROR_CODES[code as ErrorCode].exit}`,
  ].join("\n");
}

/** One sentence a line. The lines of an item are indented. */
function lines(text: string, item = ""): string[] {
  const [first = "", ...more] = text.split(/(?<=[.:]) (?=[A-Z`])/);
  return [`${item}${first}`, ...more.map((line) => `${item === "" ? "" : "  "}${line}`)];
}

function anchorOf(title: string): string {
  return title
    .toLowerCase()
    .replace(/[^a-z0-9 -]/g, "")
    .replaceAll(" ", "-");
}

/** Explains an error code in four lines. */
export function explainText(code: ErrorCode, style: Style): string {
  const { what, why, remedy } = ERROR_HELP[code];
  const { exit } = ERROR_CODES[code];
  return [
    `${style.bold(code)}: ${what}`,
    `  why         ${why}`,
    `  what to do  ${remedy}`,
    `  exit code   ${exit}`,
  ].join("\n");
}

/** Lists all codes, by section, with what happened. */
export function codesText(style: Style): string {
  const width = Math.max(...Object.keys(ERROR_HELP).map(({ length }) => length));
  return Object.entries(ERROR_SECTIONS)
    .map(([title, codes]) =>
      [
        style.bold(title),
        ...Object.entries(codes).map(([code, { what }]) => `  ${code.padEnd(width)}  ${what}`),
      ].join("\n"),
    )
    .join("\n\n");
}
