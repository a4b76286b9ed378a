import { describe, expect, test } from "vitest";
import { bindMap } from "../../../../../coordinator/plan/bind/bind-map.ts";
import type { TextCause } from "../../../../../shared/domain/text-cause.ts";
import { aMap, aModel, aTensor, fields, type MapParts, numeric } from "./bind-fixtures.ts";

describe("a column of numbers that a few values make text", () => {
  const model = aModel({ inputs: [aTensor("x", ["n"])], outputs: [aTensor("y", ["n"])] });
  const values = { kind: "values", column: "x", type: "int64", path: "/a.csv", line: 2 } as const;
  const stacked = aModel({ inputs: [aTensor("x", ["n", 2])], outputs: [aTensor("y", ["n"])] });

  test.each<[string, TextCause, string, string]>([
    [
      "by one",
      { ...values, value: "abc", others: 1 },
      'it is text because of /a.csv line 2: "abc", the only such value',
      "`input.types: { x: int64 }` makes such rows dead letters",
    ],
    [
      "by several",
      { ...values, type: "float64", value: "-", others: 3 },
      'it is text because of /a.csv line 2: "-", the first of 3 such values',
      "`input.types: { x: float64 }` makes such rows dead letters",
    ],
    [
      "by its commas",
      { kind: "comma", column: "x" },
      "it is text because its numbers have a decimal comma",
      '`input.csv: { decimal: "," }` reads them',
    ],
  ])("%s is refused with the place and the key", (_, cause, what, hint) => {
    const types = fields({ x: { kind: "string" }, z: numeric("int64") });
    const refused = (map: MapParts, of: typeof model) => () =>
      bindMap(aMap(map), of, types, { textCauses: [cause] });
    const problem = { what: expect.stringContaining(what), hint };
    expect(refused({}, model)).toThrow(
      expect.objectContaining({ problems: [expect.objectContaining(problem)] }),
    );
    expect(refused({ inputs: { x: { columns: ["x", "z"] } } }, stacked)).toThrow(
      expect.objectContaining({ problems: [expect.objectContaining(problem)] }),
    );
  });
});
