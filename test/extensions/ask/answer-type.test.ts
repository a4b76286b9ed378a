import { expect, it } from "vitest";
import { answerTypes, closed, columnValue } from "../../../extensions/ask/answer-type.ts";
import { fieldOfType } from "../../../shared/values/value-type.ts";

const schema = {
  type: "object",
  properties: {
    mood: { enum: ["good", "bad"] },
    score: { type: "number" },
    stars: { type: "integer" },
    sure: { type: "boolean" },
    note: { type: ["string", "null"] },
    topics: { type: "array", items: { type: "string" } },
    place: {
      type: "object",
      properties: { city: { type: "string" }, zip: { anyOf: [{ type: "integer" }, { type: "null" }] } },
    },
  },
};

it("each property becomes a column of its type", () => {
  const { columns, problems } = answerTypes(schema, "answer");
  expect(problems).toEqual([]);
  const numeric = (type: string) => ({ kind: "numeric", type });
  expect(columns.map(fieldOfType)).toEqual([
    { name: "mood", type: { kind: "string" }, nullable: false },
    { name: "score", type: numeric("float64"), nullable: false },
    { name: "stars", type: numeric("int64"), nullable: false },
    { name: "sure", type: numeric("bool"), nullable: false },
    { name: "note", type: { kind: "string" }, nullable: true },
    { name: "topics", type: { kind: "list", item: { kind: "string" } }, nullable: false },
    {
      name: "place",
      type: {
        kind: "struct",
        fields: [
          { name: "city", type: { kind: "string" }, nullable: false },
          { name: "zip", type: numeric("int64"), nullable: true },
        ],
      },
      nullable: false,
    },
  ]);
});

it("a property that is not required may be null", () => {
  const { columns } = answerTypes({ ...schema, required: ["mood"] }, "answer");
  expect(columns.map(({ type }) => type.isNullable)).toEqual([false, true, true, true, true, true, true]);
});

it("servers get all properties as required, and no others allowed, at each level", () => {
  const place = { required: ["city", "zip"], additionalProperties: false };
  const required = Object.keys(schema.properties);
  expect(closed(schema)).toMatchObject({ required, additionalProperties: false, properties: { place } });
  expect(closed({ ...schema, required: ["mood"], additionalProperties: true })).toMatchObject({
    required: ["mood"],
    additionalProperties: true,
  });
});

it.each([
  [{ type: "string" }, "answer", "is not the schema of an object"],
  [{ type: "object" }, "answer", "cannot be a column"],
  [{ type: "object", properties: { x: {} } }, "answer.properties.x", "cannot be a column"],
  [
    { type: "object", properties: { x: { type: ["string", "number"] } } },
    "answer.properties.x",
    "cannot be a column",
  ],
  [
    { type: "object", properties: { x: { type: "array" } } },
    "answer.properties.x.items",
    "cannot be a column",
  ],
  [{ type: "object", properties: { x: { $ref: "#" } } }, "answer.properties.x", "cannot be a column"],
])("%j is refused at its place", (refused, where, what) => {
  expect(answerTypes(refused, "answer").problems).toMatchObject([{ where, what }]);
});

it("values have the form of their columns", () => {
  const { columns } = answerTypes(schema, "answer");
  const value = {
    mood: "good",
    score: 1.5,
    stars: 3,
    sure: true,
    topics: ["a"],
    place: { city: "x", zip: null },
  };
  const values = columns.map(({ name, type }) => columnValue(Reflect.get(value, name), type));
  expect(values).toEqual(["good", 1.5, 3n, true, null, ["a"], ["x", null]]);
});
