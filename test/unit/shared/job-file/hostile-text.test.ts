import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { stringify } from "yaml";
import { isShardmillError } from "../../../../shared/core/errors.ts";
import { checkJobSpec } from "../../../../shared/job-file/check-job.ts";
import { aJobText, parse } from "./job-text.ts";

/** Expects a spec, or a typed error whose every problem has a place. */
function isAnswered(attempt: () => unknown): void {
  try {
    attempt();
  } catch (error) {
    if (!isShardmillError(error, "SPEC_INVALID")) throw error;
    expect(error.problems.length).toBeGreaterThan(0);
    for (const problem of error.problems) {
      expect(problem.where).not.toBe("");
      expect(problem.what).not.toBe("");
    }
  }
}

const KEYS = [
  "input",
  "path",
  "model",
  "map",
  "inputs",
  "outputs",
  "keep",
  "batch",
  "rows",
  "reduce",
  "op",
  "k",
];
const key = fc.oneof(
  fc.constantFrom(...KEYS, "labels", "column", "columns", "shape", "final", "__proto__"),
  fc.string(),
);
const value = fc.letrec((tie) => ({
  node: fc.oneof(
    { depthSize: "small" },
    fc.constantFrom(
      null,
      "auto",
      "topK",
      "x",
      "",
      `$\{A}`,
      "${",
      0,
      1,
      -1,
      1.5,
      true,
      Number.NaN,
      Number.POSITIVE_INFINITY,
    ),
    fc.string(),
    fc.array(tie("node"), { maxLength: 3 }),
    fc.dictionary(key, tie("node"), { maxKeys: 5 }),
  ),
})).node;

describe("a random job file", () => {
  test("random text is read or refused with places", () => {
    const text = fc.string({
      unit: fc.constantFrom(..."ab:-[]{}&*!|>'\"%#$\\ \n\t0.,?", "input", "map:\n  ", "- "),
      maxLength: 60,
    });
    fc.assert(
      fc.property(text, (yaml) => isAnswered(() => parse(yaml))),
      { numRuns: 500 },
    );
  });

  test("random values as YAML, with random settings, are read or refused with places", () => {
    fc.assert(
      fc.property(value, fc.array(fc.tuple(key, value), { maxLength: 2 }), (root, settings) => {
        const set = settings.map(([path, setting]) => `map.${path}=${stringify(setting).trim()}`);
        isAnswered(() => parse(stringify(root), { set, env: { A: "1" } }));
      }),
      { numRuns: 300 },
    );
  });

  test("random values in one place of a valid job are read or refused with places", () => {
    const place = fc.constantFrom("inputs", "outputs", "keep", "batch");
    fc.assert(
      fc.property(place, value, (section, random) => {
        isAnswered(() => parse(aJobText({ map: `${section}: ${JSON.stringify(random)}` })));
      }),
      { numRuns: 300 },
    );
  });

  test("random JSON as a spec is read or refused with places", () => {
    fc.assert(
      fc.property(fc.oneof(value, fc.anything()), (root) => isAnswered(() => checkJobSpec(root))),
      { numRuns: 300 },
    );
  });
});
