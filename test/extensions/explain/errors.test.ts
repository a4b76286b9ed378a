import { expect, test } from "vitest";
import { ERROR_HELP, ERROR_SECTIONS } from "../../../extensions/explain/error-help.ts";
import { codesText, explainText } from "../../../extensions/explain/error-texts.ts";
import { ERROR_CODES, isErrorCode } from "../../../shared/core/error-codes.ts";
import { plainStyle } from "../../../shared/terminal/style.ts";

test("every error code is explained once, in sentences", () => {
  const codes = Object.values(ERROR_SECTIONS).flatMap((section) => Object.keys(section));
  expect(codes.sort()).toEqual(Object.keys(ERROR_CODES).sort());
  for (const [code, { what, why, remedy }] of Object.entries(ERROR_HELP))
    for (const text of [what, why, remedy]) expect(text, code).toMatch(/^[A-Z`].*\.$/s);
});

test("an explanation has what happened, why, and what to do", () => {
  expect(explainText("PORT_IN_USE", plainStyle)).toBe(
    [
      "PORT_IN_USE: The port is in use.",
      "  why         Another process listens on it.",
      "  what to do  Choose another port with `--listen`, or stop that process.",
      "  exit code   2",
    ].join("\n"),
  );
});

test("the list of codes has one line for each code", () => {
  const lines = codesText(plainStyle).split("\n");
  const listed = lines.map((line) => line.trim().split(/\s/)[0] ?? "").filter(isErrorCode);
  expect(listed.sort()).toEqual(Object.keys(ERROR_CODES).sort());
});
