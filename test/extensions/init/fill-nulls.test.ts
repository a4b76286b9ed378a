import { expect, test } from "vitest";
import { aTensor, numeric } from "../../unit/coordinator/plan/bind/bind-fixtures.ts";
import { draft, inputsOf, int } from "./draft-fixtures.ts";

const float = numeric("float64");
const table = { id: int, a: float, b: float };
const nulls = ["b", "id"];

test("nulls that feed a float become NaN, with a question whether the model accepts it", () => {
  const { inputs, problems } = draft(table, { model: { inputs: [aTensor("x", ["n", 2])] }, nulls });
  expect(inputs.map(({ keys }) => keys)).toEqual([{ columns: ["a", "b"], fill: "NaN" }]);
  expect(inputs[0]?.questions.join()).toMatch(/^b has nulls, which become NaN/);
  expect(problems).toEqual([]);
});

test("only the input whose column has nulls is filled", () => {
  const model = { inputs: [aTensor("a", ["n", 1]), aTensor("b", ["n", 1])] };
  expect(inputsOf(table, { model, nulls })).toEqual([
    [{ column: "a" }, 0],
    [{ column: "b", fill: "NaN" }, 1],
  ]);
});

test("nulls that feed an integer get no fill", () => {
  const model = { inputs: [aTensor("b", ["n", 1], "int64")] };
  expect(inputsOf(table, { model, nulls })).toEqual([[{ column: "b" }, 0]]);
});
