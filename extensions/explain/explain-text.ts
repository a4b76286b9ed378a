import { ERROR_CODES, type ErrorCode } from "../../shared/core/error-codes.ts";
import type { Style } from "../../shared/terminal/style.ts";
import { ERROR_HELP, ERROR_SECTIONS } from "./error-help.ts";

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
