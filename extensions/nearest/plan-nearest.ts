import { present } from "../../shared/core/assert.ts";
import type { Problem } from "../../shared/core/errors.ts";
import { describeFieldType, findColumn } from "../../shared/dataset/columns.ts";
import { takenColumns } from "../../shared/dataset/taken-columns.ts";
import type { Field } from "../../shared/domain/dataset.ts";
import type { PlannedStep, Refused, StepPlanner } from "../../shared/extension/step-part.ts";
import { fieldOfType } from "../../shared/values/value-type.ts";
import { madeTypes, type NearestOp, type SetFacts } from "./op.ts";
import { isVectorType } from "./read-vectors.ts";
import type { NearestSpec } from "./spec.ts";

type NearestContext = Pick<Parameters<StepPlanner>[1], "where" | "fields" | "files" | "descriptions">;

/** Plans a step that finds the nearest vectors of a set. */
export function planNearest(
  { column, as, k, metric }: NearestSpec,
  { where, fields, files, descriptions }: NearestContext,
): PlannedStep | Refused {
  const key = `${where}.among`;
  const file = present(files.get(key), "the files of the steps are read");
  const facts = present(descriptions.get(key), "the files of the steps are read") as SetFacts;
  const data: NearestOp = { ...facts, column, as, k, metric };
  const made = madeTypes(data).map((type) => ({ ...fieldOfType(type), from: null }));
  const problems: Problem[] = [
    ...columnProblems(column, fields, { where: `${where}.column`, dims: facts.dims }),
    ...takenColumns(
      made.map(({ name }) => name),
      fields,
      where,
    ),
  ];
  if (k > facts.rows)
    problems.push({
      where: `${where}.k`,
      what: "is more than the set has",
      expected: `at most ${facts.rows}, the number of its vectors`,
      found: String(k),
    });
  if (problems.length > 0) return { problems };
  const columns = [...fields.map((field) => ({ ...field, from: field.name })), ...made];
  return { data: { ...data }, files: [file], reads: [column], columns };
}

function columnProblems(
  column: string,
  fields: readonly Field[],
  { where, dims }: { readonly where: string; readonly dims: number },
): readonly Problem[] {
  const { field, problems } = findColumn(fields, column, where);
  if (field === null) return problems;
  const { type } = field;
  if (isVectorType(type) && (type.kind === "list" || type.length === dims)) return problems;
  return [
    ...problems,
    {
      where,
      what: `column \`${column}\` has no vectors of the set's kind`,
      expected: `lists of ${dims} float16, float32 or float64`,
      found: describeFieldType(type),
    },
  ];
}
