import { Visitor } from "oxc-parser";
import { describe, expect, it } from "vitest";
import { packageRoot } from "../shared/core/package-root.ts";
import { slowText } from "./support/regex-attacks.ts";
import { readFiles } from "./support/tidy/project-files.ts";
import { lineAt, parseSource } from "./support/tidy/source-file.ts";

const PRODUCT = /^(shared|coordinator|worker|extensions|cli|page)\//;

/**
 * Maximum length of an expression's text, where it is less than a million. The expression's file explains it.
 */
const BOUNDED: Readonly<Record<string, number>> = {
  // `tidyMessage` truncates messages of ONNX Runtime.
  "shared/onnx/classify-error.ts": 4096,
};

const MILLION = 1_000_000;

interface Expression {
  readonly places: string[];
  readonly pattern: string;
  readonly flags: string;
  readonly chars: number;
}

/** Returns every expression of the product once. */
function expressions(): Expression[] {
  const found = new Map<string, Expression>();
  for (const extension of [".ts", ".tsx"]) {
    for (const [path, text] of readFiles(packageRoot, extension)) {
      if (!PRODUCT.test(path)) continue;
      new Visitor({
        Literal(node) {
          if (!("regex" in node)) return;
          const { pattern, flags } = node.regex;
          const chars = BOUNDED[path] ?? MILLION;
          const key = `/${pattern}/${flags} ${chars}`;
          const known = found.get(key) ?? { places: [], pattern, flags, chars };
          known.places.push(`${path}:${lineAt(text, node.start)}`);
          found.set(key, known);
        },
      }).visit(parseSource(path, text).program);
    }
  }
  return [...found.values()];
}

describe("regular expressions of the product", () => {
  it("need linear time for a megabyte of their worst case", () => {
    const all = expressions();
    expect(all.length).toBeGreaterThan(200);
    const slow = all.flatMap(({ places, pattern, flags, chars }) => {
      const text = slowText(pattern, flags, chars);
      return text === null ? [] : [`${places.join(", ")}: /${pattern}/${flags} on ${text}`];
    });
    expect(slow, "make these linear (with each: prefix, repeated part and end of a slow text)").toEqual([]);
  });

  it.each([
    ["[a-z][a-z0-9+.-]+:", "i"],
    ["\\/+$", ""],
    ["^(?:\\s+|x)*SELECT", ""],
    ["^\\s*(\\w+)=(.*?)\\s*$", ""],
  ])("slowText detects the slow expression /%s/%s", (pattern, flags) => {
    expect(slowText(pattern, flags, MILLION)).not.toBeNull();
  });
});
