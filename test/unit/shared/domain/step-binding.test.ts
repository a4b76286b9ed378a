import { expect, test } from "vitest";
import type { Field } from "../../../../shared/domain/dataset.ts";
import { joinSteps, type StepBinding, type StepColumn } from "../../../../shared/domain/step-binding.ts";

const field = (name: string): Field => ({ name, type: { kind: "string" }, nullable: true });
const passed = (name: string, from = name): StepColumn => ({ ...field(name), from });
const made = (name: string): StepColumn => ({ ...field(name), from: null });

function aStep(reads: readonly string[], columns: readonly StepColumn[]): StepBinding {
  return { where: "step", op: { kind: "sql", select: "", named: [] }, files: [], reads, columns };
}

test("joined steps read and make only the needed columns", () => {
  const joined = joinSteps("map.prepare", [
    aStep(["lang"], [passed("id"), passed("image"), passed("lang"), passed("price")]),
    aStep(["price"], [passed("key", "id"), passed("image"), made("net"), made("unused")]),
    aStep(["net"], [passed("key"), passed("picture", "image"), passed("net"), made("gross")]),
  ]);
  expect(joined.columns).toEqual({
    where: "map.prepare",
    reads: ["lang", "price"],
    columns: [passed("key", "id"), passed("picture", "image"), made("net"), made("gross")],
  });
  expect(joined.steps.map(({ reads, columns }) => ({ reads, columns }))).toEqual([
    { reads: ["lang"], columns: [passed("price")] },
    { reads: ["price"], columns: [made("net")] },
    { reads: ["net"], columns: [passed("net"), made("gross")] },
  ]);
});

test("a column that a step makes under the name of an input column is not that input column", () => {
  const joined = joinSteps("map.finish", [
    aStep(["a"], [made("a"), passed("b")]),
    aStep([], [passed("b", "a"), passed("a", "b")]),
  ]);
  expect(joined.columns).toMatchObject({ reads: ["a"], columns: [made("b"), passed("a", "b")] });
});

test("steps that only drop rows return no columns", () => {
  const joined = joinSteps("map.prepare", [aStep(["lang"], [passed("id"), passed("lang")])]);
  expect(joined.columns.reads).toEqual(["lang"]);
  expect(joined.steps[0]?.columns).toEqual([]);
});
