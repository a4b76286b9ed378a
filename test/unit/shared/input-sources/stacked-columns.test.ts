import { expect, test } from "vitest";
import { matchesPattern } from "../../../../shared/input-sources/stacked-columns.ts";

test.each([
  ["f*", "f", true],
  ["f*", "f12", true],
  ["f*", "gf", false],
  ["*_x", "a_x_x", true],
  ["a*b*c", "a--b--c", true],
  ["a*b*c", "a--c--b", false],
  ["f?", "f1", true],
  ["f?", "f12", false],
  ["f.", "fx", false],
  ["*", "", true],
  ["**", "any", true],
])("the pattern %j on %j: %s", (pattern, name, matches) => {
  expect(matchesPattern(name, pattern)).toBe(matches);
});

test("a hostile pattern takes no longer than another", () => {
  expect(matchesPattern("a".repeat(1000), `${"*a".repeat(400)}b`)).toBe(false);
});
