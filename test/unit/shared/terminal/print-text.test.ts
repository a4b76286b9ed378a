import { stripVTControlCharacters, styleText } from "node:util";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { fitted } from "../../../../shared/terminal/print-text.ts";
import { widthOf } from "../../../../shared/terminal/text.ts";

describe("a text that is fitted to a terminal", () => {
  test("continues a labelled value below its beginning", () => {
    expect(fitted("  advice  use fewer columns, or ops over raw outputs", 30)).toBe(
      ["  advice  use fewer columns,", "          or ops over raw", "          outputs"].join("\n"),
    );
  });

  test("continues the last column of a table row below its beginning", () => {
    expect(fitted("cuda  no   a library is missing on this machine", 30)).toBe(
      ["cuda  no   a library is", "           missing on this", "           machine"].join("\n"),
    );
  });

  test("indents later lines of a sentence without a label", () => {
    expect(fitted("error: the output exists", 20)).toBe("error: the output\n  exists");
  });

  test("keeps a path whole, so that it can be copied", () => {
    const path = `/data/${"deep/".repeat(20)}out`;
    expect(fitted(`  output  ${path}`, 40)).toContain(path);
  });

  test("keeps lines that fit, and every line without a terminal or in a very narrow one", () => {
    const text = `short\n${"long ".repeat(50)}`;
    for (const columns of [0, 1, 19]) expect(fitted(text, columns)).toBe(text);
    expect(fitted("short\n\n  also", 20)).toBe("short\n\n  also");
  });

  test("has the words of the text, in lines within the width unless a word is wider, with or without colours", () => {
    const word = fc.stringMatching(/^[a-z0-9/]{1,12}$/);
    const words = fc.array(word, { minLength: 1, maxLength: 30 });
    fc.assert(
      fc.property(
        word,
        words,
        fc.integer({ min: 40, max: 120 }),
        fc.boolean(),
        (label, value, width, isDim) => {
          const shown = isDim ? styleText("dim", label, { validateStream: false }) : label;
          const found = fitted(`  ${shown}  ${value.join(" ")}`, width);
          expect(stripVTControlCharacters(found).split(/\s+/).slice(1)).toEqual([label, ...value]);
          for (const line of found.split("\n")) expect(widthOf(line)).toBeLessThanOrEqual(width);
        },
      ),
    );
  });
});
