import { expect, test } from "vitest";
import { problemsOf } from "./job-text.ts";

test.each([
  "map:\n  finish:\n    - sql: SELECT a[1 : n] AS b FROM rows\n",
  "name: x: y\n",
  "map: { outputs: { y: SELECT a : b } }\n",
])("a colon before a blank that makes a key by mistake has a hint to add quotes: %j", (text) => {
  expect(problemsOf(text)[0]?.hint).toContain("put the value in quotes");
});
