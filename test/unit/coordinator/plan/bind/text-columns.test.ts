import { expect, test } from "vitest";
import { bindMap } from "../../../../../coordinator/plan/bind/bind-map.ts";
import { aMap, aModel, aTensor, fields, type MapParts, numeric } from "./bind-fixtures.ts";

test("a column of numbers that some values turn into text is refused with the reason and a hint", () => {
  const model = aModel({ inputs: [aTensor("x", ["n"])], outputs: [aTensor("y", ["n"])] });
  const stacked = aModel({ inputs: [aTensor("x", ["n", 2])], outputs: [aTensor("y", ["n"])] });
  const cause = { column: "x", why: "it is text because of line 2", hint: "set its type", remedy: null };
  const types = fields({ x: { kind: "string" }, z: numeric("int64") });
  const refused = (map: MapParts, of: typeof model) => () =>
    bindMap(aMap(map), of, types, { textCauses: [cause] });
  const problem = { what: expect.stringContaining(cause.why), hint: cause.hint };
  const problems = expect.objectContaining({ problems: [expect.objectContaining(problem)] });
  expect(refused({}, model)).toThrow(problems);
  expect(refused({ inputs: { x: { columns: ["x", "z"] } } }, stacked)).toThrow(problems);
});
