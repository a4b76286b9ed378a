import { expect, it } from "vitest";
import { planNearest } from "../../../extensions/nearest/plan-nearest.ts";
import type { NearestSpec } from "../../../extensions/nearest/spec.ts";
import type { Field } from "../../../shared/domain/dataset.ts";
import { parseLocation } from "../../../shared/domain/location.ts";
import { aDigest } from "../../support/ids.ts";

const float = { kind: "numeric", type: "float32" } as const;
const fields: readonly Field[] = [
  { name: "id", type: { kind: "numeric", type: "int64" }, nullable: false },
  { name: "vector", type: { kind: "list", item: float }, nullable: true },
  { name: "wide", type: { kind: "fixedList", item: float, length: 4 }, nullable: true },
];
const file = { location: parseLocation("/sets/a.set"), bytes: 10, sha256: aDigest("") };
const facts = { rows: 20, dims: 3, ids: "string" } as const;

function planned(changes: Partial<NearestSpec>) {
  const usual: NearestSpec = {
    column: "vector",
    among: "./set",
    vector: "v",
    id: "key",
    k: 10,
    metric: "dot",
    as: "nearest",
  };
  return planNearest(
    { ...usual, ...changes },
    {
      where: "step",
      fields,
      files: new Map([["step.among", file]]),
      descriptions: new Map([["step.among", facts]]),
    },
  );
}

it("the step reads one column, and adds lists of ids and scores", () => {
  const list = (item: object) => ({ kind: "list", item });
  expect(planned({ as: "like" })).toEqual({
    data: { ...facts, column: "vector", as: "like", k: 10, metric: "dot" },
    files: [file],
    reads: ["vector"],
    columns: [
      ...fields.map((field) => ({ ...field, from: field.name })),
      { name: "like", type: list({ kind: "string" }), nullable: false, from: null },
      { name: "like_score", type: list(float), nullable: false, from: null },
    ],
  });
});

it("all problems of the step are reported together", () => {
  expect(planned({ column: "wide", as: "id", k: 21 })).toMatchObject({
    problems: [
      {
        where: "step.column",
        expected: expect.stringContaining("lists of 3"),
        found: expect.stringContaining("4"),
      },
      { where: "step", what: expect.stringContaining("second column `id`") },
      { where: "step.k", expected: expect.stringContaining("20"), found: "21" },
    ],
  });
  expect(planned({ column: "vectr" })).toMatchObject({
    problems: [{ where: "step.column", hint: expect.stringContaining("vector") }],
  });
  expect(planned({ column: "id" })).toMatchObject({ problems: [{ where: "step.column", found: "int64" }] });
});
