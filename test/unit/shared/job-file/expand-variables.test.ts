import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { expandVariables } from "../../../../shared/job-file/expand-variables.ts";

const ref = (inner: string): string => `$\{${inner}}`;
const env = { NAME: "value", EMPTY: "", NESTED: ref("NAME") };

describe("variables in a text", () => {
  test.each([
    ["no variable", "no variable"],
    [`a ${ref("NAME")} b`, "a value b"],
    [`${ref("NAME")}${ref("NAME")}`, "valuevalue"],
    [ref("UNSET:-fallback"), "fallback"],
    [ref("UNSET:-"), ""],
    [ref("EMPTY:-fallback"), "fallback"],
    [ref("EMPTY"), ""],
    [ref("NAME:-fallback"), "value"],
    [`$${ref("NAME")}`, ref("NAME")],
    [ref("NESTED"), ref("NAME")],
    ["$NAME and $ and $$", "$NAME and $ and $$"],
  ])("%j becomes %j", (text, expanded) => {
    expect(expandVariables(text, env)).toMatchObject({ text: expanded, faults: [] });
  });

  test("an unset variable is a fault that names the variable", () => {
    const { faults } = expandVariables(`${ref("A")} ${ref("B")}`, {});
    expect(faults.map(({ what }) => what)).toEqual([
      "environment variable `A` is not set",
      "environment variable `B` is not set",
    ]);
  });

  test.each(["${", ref(""), ref("1A"), ref("A B"), ref("A-b"), "${NAME"])("%j is a fault", (text) => {
    expect(expandVariables(text, env).faults).toHaveLength(1);
  });

  test("a property that every object has is not a variable", () => {
    expect(expandVariables(ref("constructor"), env).faults).toHaveLength(1);
  });

  test("the result shows whether a value came from the environment", () => {
    expect(expandVariables(ref("NAME"), env).fromEnvironment).toBe(true);
    expect(expandVariables(ref("UNSET:-x"), env).fromEnvironment).toBe(false);
    expect(expandVariables(`$${ref("NAME")}`, env).fromEnvironment).toBe(false);
  });

  test("a text without a brace after a dollar sign is unchanged", () => {
    fc.assert(
      fc.property(
        fc.string().filter((text) => !text.includes("${")),
        (text) => {
          expect(expandVariables(text, env).text).toBe(text);
        },
      ),
    );
  });
});
