import fc from "fast-check";
import { expect, test } from "vitest";
import { labelsOf } from "../../../../../coordinator/plan/labels/labels-text.ts";

test.each([
  ["a\nb\n", ["a", "b"]],
  ["\uFEFFa\r\n \r\n\r\nb", ["a", " ", "", "b"]],
  ["5", ["5"]],
  ['["a", "b"]', ["a", "b"]],
  ['{"0": "a", "1": "b"}', ["a", "b"]],
  ['{"b": 1, "a": 0}', ["a", "b"]],
  [`{0: 'person', 1: "driver's seat", 2: 'it\\'s, a {1: }'}`, ["person", "driver's seat", "it's, a {1: }"]],
  ["{\n", ["{"]],
])("%j gives the labels %j", (text, labels) => {
  expect(labelsOf(text)).toEqual(labels);
});

test.each([
  ['{"0": "a", "2": "b"}'],
  ['{"a": 0, "b": 2}'],
  ['{"0": "a", "1": {}}'],
  ["[1, 2]"],
  ["{}"],
  ["{0: 'a', 2: 'b'}"],
])("%j has no label for each index", (text) => {
  expect(labelsOf(text)).toBeNull();
});

test("labels come back from each form", () => {
  const label = fc.stringMatching(/^[a-zé中' "]{1,6}$/);
  fc.assert(
    fc.property(fc.uniqueArray(label, { minLength: 1 }), (labels) => {
      const byLabel = Object.fromEntries(labels.map((each, index) => [each, index]));
      for (const text of [labels, { ...labels }, byLabel].map((value) => JSON.stringify(value)))
        expect(labelsOf(text)).toEqual(labels);
      expect(labelsOf(`${labels.join("\n")}\n`)).toEqual(labels);
      const entries = labels.map((each, index) => `${index}: '${each.replaceAll("'", "\\'")}'`);
      expect(labelsOf(`{${entries.join(", ")}}`)).toEqual(labels);
    }),
  );
});
