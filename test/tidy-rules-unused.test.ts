import { describe, expect, it } from "vitest";
import { findDuplicates } from "./support/tidy/duplicates.ts";
import { findFragments } from "./support/tidy/fragments.ts";
import { findManyParameters } from "./support/tidy/hygiene.ts";
import { findLooseSignals } from "./support/tidy/signals.ts";
import { listed, parseSource } from "./support/tidy/source-file.ts";
import { findUnusedCodes, findUnusedExports } from "./support/tidy/unused.ts";

const sources = (samples: Record<string, string>) =>
  Object.entries(samples).map(([path, text]) => parseSource(path, text));

/** Each rule must detect its fault in samples, because a check that cannot fail proves nothing. */
describe("the tidy rules", () => {
  it("find exports that no file imports, and values that only tests import", () => {
    const found = findUnusedExports(
      sources({
        "shared/core/a.ts":
          "export const used = 1;\nexport const tested = 2;\nexport function lone() {}\nexport interface Options {}\nexport type Tested = 1;\nexport const table = {};",
        "shared/core/whole.ts": "export const any = 1;",
        "sim/b.ts": "export const tried = 1;",
        "coordinator/c.ts": `import { used } from "../shared/core/a.ts";\nawait import("../shared/core/whole.ts");`,
        "cli/reference.ts": "export const pages = 1;\nexport default 2;",
        "scripts/docs.mjs": `import { pages } from "../dist/cli/reference.js";`,
        "test/d.test.ts": `import { tested, type Tested, table } from "../shared/core/a.ts";\nimport { tried } from "../sim/b.ts";`,
      }),
      ["shared/core/a.ts table"],
    );
    expect(listed(found)).toEqual([
      "shared/core/a.ts:2: exports tested, which only tests import",
      "shared/core/a.ts:3: exports lone, which no other file imports",
      "shared/core/a.ts:4: exports Options, which no other file imports",
      "cli/reference.ts:2: exports default, which no other file imports",
    ]);
  });

  it("find error codes that no product code fails with", () => {
    const found = findUnusedCodes(
      sources({
        "shared/core/error-codes.ts":
          "export const ERROR_CODES = {\n  THROWN: { exit: 1 },\n  COMPARED: { exit: 1 },\n  NAMED: { exit: 1 },\n  TESTED: { exit: 1 },\n  BY_ERRNO: { exit: 1 },\n};",
        "shared/a.ts": `throw new ShardmillError("THROWN", "m");\nconst BY = { ENOENT: "BY_ERRNO", NAMED: 1 };`,
        "shared/b.ts": `if (code === "COMPARED") stop();\nswitch (code) { case "COMPARED": }\ntype Code = "COMPARED" | "NAMED";`,
        "test/c.test.ts": `throw new ShardmillError("TESTED", "m");`,
      }),
    );
    expect(listed(found)).toEqual([
      "shared/core/error-codes.ts:3: nothing fails with COMPARED",
      "shared/core/error-codes.ts:4: nothing fails with NAMED",
      "shared/core/error-codes.ts:5: nothing fails with TESTED",
    ]);
    expect(listed(findUnusedCodes([]))).toEqual([
      "shared/core/error-codes.ts:1: does not exist: was it renamed?",
    ]);
  });

  it("find small files with one importer, except seams and without counting tests", () => {
    const found = findFragments(
      sources({
        "worker/a.ts": "const a = 1;\n\n".repeat(29),
        "worker/b.ts": "const b = 1;\n".repeat(30),
        "worker/shared.ts": "",
        "worker/script.ts": `import "./a.ts";\nimport "./b.ts";\nimport "./shared.ts";\nimport "../shared/output-ops/raw.ts";`,
        "worker/other.ts": `import "./shared.ts";`,
        "shared/output-ops/raw.ts": "",
        "bench/main.ts": `import "./part.ts";`,
        "bench/part.ts": "",
        "test/a.test.ts": `import "../worker/a.ts";`,
      }),
    );
    expect(listed(found)).toEqual([
      "worker/a.ts:1: has 29 lines and one importer: move it to worker/script.ts",
    ]);
  });

  it("find duplicate functions under other names, except short functions and those of tests", () => {
    const sum = (name: string, item: string, operator: string) =>
      `function ${name}(list: number[]) {\n  let ${item} = 0;\n  for (const each of list) {\n    ${item} ${operator} each;\n  }\n  return ${item};\n}\n`;
    const short = "const a = () => {\n  stop();\n};\n";
    const found = findDuplicates(
      sources({
        "shared/a.ts": `// One.\n${sum("total", "sum", "+=")}${short}${short}`,
        "worker/b.ts": `${sum("add", "found", "+=")}${sum("multiply", "found", "*=")}`,
        "test/c.ts": sum("total", "sum", "+="),
      }),
    );
    expect(listed(found)).toEqual(["worker/b.ts:1: does the same as the function at shared/a.ts:2"]);
  });

  it("find functions with more than four parameters, where a range counts as one", () => {
    const text =
      "function a(b: 1, c: 1, d: 1, e: 1) {}\nfunction f(b: 1, from: 1, to: 1, c: 1, at: 1) {}\nconst g = (b: 1, c: 1, d: 1, e: 1, h: 1) => {};\nclass I { j(from: 1, b: 1, to: 1, { c }: {}, d: 1) {} }";
    const found = findManyParameters(sources({ "shared/a.ts": text, "test/a.ts": text }));
    expect(listed(found)).toEqual([
      "shared/a.ts:3: a function has at most 4 parameters, this has 5",
      "shared/a.ts:4: a function has at most 4 parameters, this has 5",
    ]);
  });

  it("find optional signals outside tests, and signals that are not the last parameter", () => {
    const text = [
      "function a(b: 1, signal?: AbortSignal) {}",
      "interface C { readonly signal: AbortSignal | undefined; d(signal: AbortSignal, e: 1): void }",
      "const f = ({ signal }: { signal?: AbortSignal }) => {};",
      "class G { h(drain: AbortSignal, stop: AbortSignal) {} }",
    ].join("\n");
    const found = findLooseSignals(sources({ "shared/a.ts": text, "test/a.ts": text }));
    const required = "a signal is required: pass NEVER for a call that is never aborted";
    expect(listed(found)).toEqual([
      `shared/a.ts:1: ${required}`,
      `shared/a.ts:2: ${required}`,
      "shared/a.ts:2: a signal is the last parameter",
      `shared/a.ts:3: ${required}`,
      "test/a.ts:2: a signal is the last parameter",
    ]);
  });
});
