import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { findTextFaults, lastSubjects, subjectFault, textFiles } from "../scripts/words.mjs";
import { packageRoot } from "../shared/core/package-root.ts";

test("no comment and no page has a fault in its text (npm run words)", async () => {
  const found: string[] = [];
  const paths = textFiles();
  expect(paths.length).toBeGreaterThan(1_000);
  for (const path of paths)
    for (const { line, says } of findTextFaults(path, await readFile(join(packageRoot, path), "utf8")))
      found.push(`${path}:${line}: ${says}`);
  expect(found).toEqual([]);
});

test("the subjects of the last commits have an area, and are short", () => {
  const subjects = lastSubjects();
  expect(subjects.length).toBeGreaterThan(0);
  expect(subjects.filter((subject) => subjectFault(subject) !== null)).toEqual([]);
});

describe("a commit subject", () => {
  test.each([
    ["of one area", "journal: keep the last segment", null],
    ["of two areas", "core, test/unit: wait once", null],
    ["of a merge", "Merge branch 'a' into b", null],
    ["of 72 characters", `a: ${"x".repeat(69)}`, null],
    ["of 73 characters", `a: ${"x".repeat(70)}`, "has 73 characters, at most 72"],
    ["of two changes", "a: do this; do that", "has a semicolon"],
    ["without an area", "Fix things", "is not `area: imperative`"],
  ])("%s", (_what, subject, expected) => {
    expect(subjectFault(subject)).toBe(expected);
  });
});

const rulesIn = (path: string, text: string) =>
  findTextFaults(path, text).map(({ line, rule }) => `${line} ${rule}`);

describe("a comment", () => {
  test.each([
    ["begins with a clause", "/** What a shard is. */", ["1 first-word"]],
    ["begins with a verb", "/** Returns the shard of a row. */", []],
    ["begins with a noun", "/** Rows of a shard. */", []],
    ["is no docstring", "// What follows is sorted.", []],
    ["has a semicolon", "// Rows are sorted; columns are not.", ["1 sentence"]],
    ["has a semicolon in code", "// `a; b` is one sentence.", []],
    ["has one sentence of 21 words", `// A${" word".repeat(20)}.`, ["1 sentence"]],
    ["has two sentences of 12 words", `// A${" word".repeat(11)}. A${" word".repeat(11)}.`, []],
    ["goes on over lines", `// A${" word".repeat(9)}\n// and${" word".repeat(11)}.`, ["1 sentence"]],
    ["has a fault on its third line", "/**\n * Rows.\n * Whoever asks gets them.\n */", ["3 word"]],
    ["has a private word", "/** Rows that are left out. */", ["1 word"]],
    ["has the code of an error", "/** Reads a file.\n *\n * @throws {INPUT_CORRUPT} it is cut off\n */", []],
    ["has a list", "// - A first item\n// - A second item", []],
    ["is a drawing", "//  a --> b; c\n//  +-----+", []],
  ])("that %s", (_what, text, expected) => {
    expect(rulesIn("a.ts", `${text}\nexport {};\n`)).toEqual(expected);
  });
});

describe("a line of Markdown", () => {
  test.each([
    ["of 100 columns", "x ".repeat(50).trim(), []],
    ["of 102 columns", `${"x ".repeat(51)}x`, ["1 width"]],
    ["that is wide by an address", `[text](https://${"x".repeat(100)})`, []],
    ["with two sentences", "One thought. Another thought.", ["1 width"]],
    ["of code", "```\nOne. Two. Three.\n```", []],
    ["with a private word", "Whoever asks gets it.", ["1 word"]],
    ["with a private word as code", "The log has `whoever asks`.", []],
    ["with a cell of 80 characters", `| ${"x".repeat(80)} |`, []],
    ["with a cell of 81 characters", `| ${"x".repeat(81)} |`, ["1 cell"]],
  ])("%s", (_what, text, expected) => {
    expect(rulesIn("a.md", text)).toEqual(expected);
  });
});
