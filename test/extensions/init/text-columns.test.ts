import { expect, test } from "vitest";
import { aTensor } from "../../unit/coordinator/plan/bind/bind-fixtures.ts";
import { draft, text } from "./draft-fixtures.ts";

test("a draft names the value that keeps a column from being numbers", () => {
  const value = { value: "abc", path: "/a.csv", line: 2, others: 1 };
  const cause = { kind: "values", column: "age", type: "int64", ...value } as const;
  const { inputs } = draft({ age: text }, { model: { inputs: [aTensor("x", ["n"])] }, textCauses: [cause] });
  expect(inputs[0]?.questions).toContainEqual(
    expect.stringMatching(/^is `age` meant\? It is text because of \/a\.csv line 2: "abc"/),
  );
});
