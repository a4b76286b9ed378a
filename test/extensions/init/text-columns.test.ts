import { expect, test } from "vitest";
import { aTensor } from "../../unit/coordinator/plan/bind/bind-fixtures.ts";
import { draft, text } from "./draft-fixtures.ts";

test("a draft names the reason why a column is text instead of numbers", () => {
  const cause = { column: "age", why: "it is text because of line 2", hint: "Set its type", remedy: null };
  const { inputs } = draft({ age: text }, { model: { inputs: [aTensor("x", ["n"])] }, textCauses: [cause] });
  expect(inputs[0]?.questions).toContainEqual(
    "is `age` intended? It is text because of line 2. Set its type",
  );
});
