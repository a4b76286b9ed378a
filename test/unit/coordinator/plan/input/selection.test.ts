import { expect, test } from "vitest";
import { matchingFiles } from "../../../../../coordinator/plan/input/selection.ts";

function choice(pattern: string, path: string) {
  const selection = matchingFiles(pattern, "auto");
  return typeof selection === "string" ? selection : selection.file(path);
}

test.each([
  ["*.parquet", "_a.parquet", "hidden"],
  ["*.parquet", ".a.parquet", "hidden"],
  ["?a.parquet", "_a.parquet", "hidden"],
  ["[_a]a.parquet", "_a.parquet", "hidden"],
  ["**/*.parquet", "_x/a.parquet", "hidden"],
  ["**/*.parquet", ".x/a.parquet", "hidden"],
  ["_*.parquet", "_a.parquet", "take"],
  [".*.parquet", ".a.parquet", "take"],
  ["{_a,b}.parquet", "_a.parquet", "take"],
  ["**/_x/*.parquet", "d/_x/a.parquet", "take"],
  ["a_*.parquet", "a_b.parquet", "take"],
  // macOS stores attributes of `a.parquet` in `._a.parquet`.
  ["_*.parquet", "._a.parquet", "pass"],
  ["._*.parquet", "_a.parquet", "pass"],
  ["._*.parquet", "._a.parquet", "take"],
  [".*.parquet", "_a.parquet", "pass"],
  [".*.parquet", "..a.parquet", "take"],
  ["d/../*.parquet", "a.parquet", "take"],
])("the pattern %s with the name %s gives %s", (pattern, path, expected) => {
  expect(choice(pattern, path)).toBe(expected);
});
