import { expect, it } from "vitest";
import type { Field, FieldType } from "../../../../shared/domain/dataset.ts";
import type { SpecProblem } from "../../../../shared/job-file/issue-problems.ts";
import { findFiles } from "../../../../shared/steps/file-column.ts";

const field = (name: string, type: FieldType): Field => ({ name, type, nullable: true });
const list = (item: FieldType): FieldType => ({ kind: "list", item });
const pair = (item: FieldType): FieldType => ({ kind: "fixedList", item, length: 2 });
const struct = (...fields: readonly Field[]): FieldType => ({ kind: "struct", fields });
const file = struct(field("bytes", { kind: "binary" }), field("path", { kind: "string" }));
const count: FieldType = { kind: "numeric", type: "int32" };

function find(type: FieldType) {
  const problems: SpecProblem[] = [];
  const column = { name: "a", path: ["map", "inputs", "x"], isNamed: true, what: "images", folder: "/data" };
  return { cells: findFiles(column, [field("a", type)], problems), problems };
}

it("a struct of bytes and path holds files", () => {
  expect(find(file)).toEqual({ cells: { kind: "locations", folder: "/data" }, problems: [] });
});

it.each([
  ["a list of files", list(file), 'SELECT *, unnest("a") AS "a_file" FROM rows'],
  ["a list of paths", list({ kind: "string" }), 'SELECT *, unnest("a") AS "a_file" FROM rows'],
  ["a list of two files", pair(file), 'SELECT *, unnest("a") AS "a_file" FROM rows'],
  ["a list of lists", list(list(file)), 'SELECT *, unnest(flatten("a")) AS "a_file" FROM rows'],
  [
    "a struct with a file",
    struct(field("n", count), field("b", file)),
    'SELECT *, "a"."b" AS "a_b" FROM rows',
  ],
])("%s is refused with the step that reads it", (_, type, sql) => {
  expect(find(type)).toMatchObject({
    cells: null,
    problems: [{ what: "column `a` holds no images", hint: expect.stringContaining(sql) }],
  });
});

it.each([
  ["numbers", count],
  ["lists of numbers", list(count)],
  ["structs of numbers", struct(field("n", count))],
])("%s are refused without a step", (_, type) => {
  const { problems } = find(type);
  expect(problems).toMatchObject([{ what: "column `a` holds no images" }]);
  expect(problems[0]).not.toHaveProperty("hint");
});
