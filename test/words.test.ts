import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { findTextFaults, lastSubjects, subjectFault, textFiles } from "../scripts/words.mjs";
import { packageRoot } from "../shared/core/package-root.ts";

test("comments and pages have no fault in their text (npm run words)", async () => {
  const found: string[] = [];
  const paths = textFiles();
  expect(paths.length).toBeGreaterThan(1_000);
  for (const path of paths)
    for (const { line, says } of findTextFaults(path, await readFile(join(packageRoot, path), "utf8")))
      found.push(`${path}:${line}: ${says}`);
  expect(found).toEqual([]);
});

test("the subjects of the last commits name an area and are short", () => {
  const subjects = lastSubjects();
  expect(subjects.length).toBeGreaterThan(0);
  expect(subjects.filter((subject) => subjectFault(subject) !== null)).toEqual([]);
});

describe("subjectFault", () => {
  test.each([
    ["accepts a subject of one area", "journal: keep the last segment", null],
    ["accepts a subject of two areas", "core, test/unit: wait once", null],
    ["accepts the subject of a merge", "Merge branch 'a' into b", null],
    ["accepts a subject of 72 characters", `a: ${"x".repeat(69)}`, null],
    ["rejects a subject of 73 characters", `a: ${"x".repeat(70)}`, "has 73 characters, at most 72"],
    ["rejects a subject of two changes", "a: do this; do that", "has a semicolon"],
    ["rejects a subject without an area", "Fix things", "is not `area: imperative`"],
  ])("%s", (_what, subject, expected) => {
    expect(subjectFault(subject)).toBe(expected);
  });
});

const rulesIn = (path: string, text: string) =>
  findTextFaults(path, text).map(({ line, rule }) => `${line} ${rule}`);

describe("findTextFaults on a comment", () => {
  test.each([
    ["begins with a clause", "/** What a shard is. */", ["1 first-word"]],
    ["begins with a verb", "/** Returns the shard of a row. */", []],
    ["begins with a noun", "/** Rows of a shard. */", []],
    ["is not a docstring", "// What follows is sorted.", []],
    ["has a semicolon", "// Rows are sorted; columns are not.", ["1 sentence"]],
    ["has a semicolon in backticks", "// `a; b` is one sentence.", []],
    ["has one sentence of 21 words", `// A${" word".repeat(20)}.`, ["1 sentence"]],
    ["has two sentences of 12 words", `// A${" word".repeat(11)}. A${" word".repeat(11)}.`, []],
    [
      "has one long sentence on two lines",
      `// A${" word".repeat(9)}\n// and${" word".repeat(11)}.`,
      ["1 sentence"],
    ],
    ["has a fault on its third line", "/**\n * Rows.\n * Whoever asks gets them.\n */", ["3 word"]],
    ["has a private word", "/** Rows that are left out. */", ["1 word"]],
    ["has a private word in a string", 'const a = "rows that are left out";', ["1 word"]],
    ["has a private word in a template", ["const a = `row $", "{1} is left out`;"].join(""), ["1 word"]],
    ["has a private word in a path", 'import "./told-of-it.ts";', []],
    [
      "names the code of an error",
      "/** Reads a file.\n *\n * @throws {INPUT_CORRUPT} it is cut off\n */",
      [],
    ],
    ["has a list", "// - A first item\n// - A second item", []],
    ["is a diagram", "//  a --> b; c\n//  +-----+", []],
  ])("finds exactly the faults of a comment that %s", (_what, text, expected) => {
    expect(rulesIn("a.ts", `${text}\nexport {};\n`)).toEqual(expected);
  });
});

describe("findTextFaults on Markdown", () => {
  test.each([
    ["a line of 100 columns", "x ".repeat(50).trim(), []],
    ["a line of 102 columns", `${"x ".repeat(51)}x`, ["1 width"]],
    ["a line that is wide because of an address", `[text](https://${"x".repeat(100)})`, []],
    ["a line with two sentences", "One thought. Another thought.", ["1 width"]],
    ["a block of code", "```\nOne. Two. Three.\n```", []],
    ["a line with a private word", "Whoever asks gets it.", ["1 word"]],
    ["a line with a private word in backticks", "The log has `whoever asks`.", []],
    ["a table cell of 80 characters", `| ${"x".repeat(80)} |`, []],
    ["a table cell of 81 characters", `| ${"x".repeat(81)} |`, ["1 cell"]],
  ])("finds exactly the faults of %s", (_what, text, expected) => {
    expect(rulesIn("a.md", text)).toEqual(expected);
  });
});
