import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { findTextFaults, folderOf, textFiles } from "../scripts/words.mjs";
import { packageRoot } from "../shared/core/package-root.ts";
import KNOWN from "./words.json" with { type: "json" };

/** Faults of old text, by folder. The numbers may only fall. */
const known: Readonly<Record<string, number>> = KNOWN;

test("no folder has more faults in its text than before, and no count is too high", async () => {
  const counts = new Map<string, number>();
  for (const path of textFiles()) {
    const faults = findTextFaults(path, await readFile(join(packageRoot, path), "utf8"));
    if (faults.length > 0) counts.set(folderOf(path), (counts.get(folderOf(path)) ?? 0) + faults.length);
  }
  // More: npm run words -- FOLDER lists them. Fewer: write the new count into test/words.json.
  expect(Object.fromEntries([...counts].sort())).toEqual(known);
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
    ["with a cell of 80 characters", `| ${"x".repeat(80)} |`, []],
    ["with a cell of 81 characters", `| ${"x".repeat(81)} |`, ["1 cell"]],
  ])("%s", (_what, text, expected) => {
    expect(rulesIn("a.md", text)).toEqual(expected);
  });
});
