import fc from "fast-check";
import { expect, it } from "vitest";
import { JsonFault, JsonScanner } from "../../../../extensions/csv-json/json/json-scanner.ts";

function accepts(text: string): boolean {
  const bytes = Buffer.from(`]]${text},1`);
  const scanner = new JsonScanner(bytes);
  try {
    scanner.passLine(2, bytes.length - 2);
    return true;
  } catch (error) {
    if (error instanceof JsonFault) return false;
    throw error;
  }
}

function parses(text: string): boolean {
  try {
    JSON.parse(text);
    return true;
  } catch {
    return false;
  }
}

const TOKENS = [
  ...[
    "{",
    "}",
    "[",
    "]",
    ",",
    ":",
    " ",
    "\t",
    "\n",
    "\u00a0",
    '"',
    '"a"',
    '"\\n"',
    '"\\u00e9"',
    '"\\ud800"',
    '"\\x"',
  ],
  ...[
    "1",
    "0",
    "-",
    "+",
    ".",
    "e",
    "E",
    "01",
    "1.5",
    "-0",
    "1e400",
    "true",
    "false",
    "null",
    "NaN",
    "Infinity",
    "0x1F",
  ],
  ...["\\", "\u0001", "é", "😀", "//", "'a'", "nul", "\ufeff"],
];

it.each(TOKENS)("the scanner accepts a token exactly if JSON.parse does: %j", (token) => {
  expect(accepts(token)).toBe(parses(token));
});

it("the scanner accepts a sequence of tokens exactly if JSON.parse does", () => {
  const soup = fc.array(fc.constantFrom(...TOKENS), { maxLength: 12 }).map((tokens) => tokens.join(""));
  fc.assert(
    fc.property(soup, (text) => {
      expect(accepts(text)).toBe(parses(text));
    }),
    { numRuns: 5_000 },
  );
});

it("the scanner accepts a changed JSON text exactly if JSON.parse does", () => {
  const mutated = fc
    .tuple(fc.json(), fc.nat(), fc.constantFrom("", ...TOKENS))
    .map(([json, place, token]) => {
      const at = place % (json.length + 1);
      return [json, json.slice(0, at) + token + json.slice(at + 1)] as const;
    });
  fc.assert(
    fc.property(mutated, ([json, other]) => {
      expect(accepts(json)).toBe(true);
      expect(accepts(other)).toBe(parses(other));
    }),
    { numRuns: 3_000 },
  );
});
