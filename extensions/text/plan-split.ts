import { present } from "../../shared/core/assert.ts";
import type { Problem } from "../../shared/core/errors.ts";
import { findColumn } from "../../shared/dataset/columns.ts";
import { takenColumns } from "../../shared/dataset/taken-columns.ts";
import type { Field, FieldType } from "../../shared/domain/dataset.ts";
import type { StepColumn } from "../../shared/domain/step-binding.ts";
import type { PlannedStep, Refused, StepPlanner } from "../../shared/extension/step-part.ts";
import type { SplitOp } from "./op.ts";
import { notText, tokenizerFacts } from "./read-tokenizer.ts";
import type { SplitSpec } from "./spec.ts";

type SplitContext = Parameters<StepPlanner>[1];

/** Columns that a split makes in addition: the passage's index, and its start and end in the text. */
const SPLIT_COLUMNS = ["part", "start", "end"];
const INT32: FieldType = { kind: "numeric", type: "int32" };

/** Plans a step that cuts texts into passages. */
export function planSplit(
  { column, tokenizer, tokens, overlap, sentences }: SplitSpec,
  { where, fields, files, descriptions }: SplitContext,
): PlannedStep | Refused {
  const file = present(files.get(tokenizer), "the files of the steps are read");
  const problems = [...columnProblems(column, where, fields)];
  const read = tokenizerFacts(`${where}.tokenizer`, tokenizer, descriptions);
  if (read.kind === "refused") problems.push(read.problem);
  else if (tokens - read.facts.specialTokens <= overlap) {
    const special = read.facts.specialTokens;
    problems.push({
      where: `${where}.tokens`,
      what: "leaves no room for text",
      expected: `more than ${overlap + special}: the overlap, and ${special} special tokens`,
      found: String(tokens),
    });
  }
  if (problems.length > 0) return { problems };
  const passed = fields.map((field): StepColumn => {
    return { ...field, from: field.name === column ? null : field.name };
  });
  const made = SPLIT_COLUMNS.map((name) => ({ name, type: INT32, nullable: false, from: null }));
  const columns = [...passed.map((field) => (field.name === column ? textField(field) : field)), ...made];
  const op: SplitOp = { column, tokens, overlap, sentences };
  return { data: { ...op }, files: [file], reads: [column], columns };
}

function textField(field: StepColumn): StepColumn {
  return { ...field, type: { kind: "string" }, nullable: true };
}

function columnProblems(column: string, where: string, fields: readonly Field[]): readonly Problem[] {
  const { field, problems } = findColumn(fields, column, `${where}.column`);
  const fault = field === null ? null : notText(field);
  const faults = fault === null ? [] : [{ where: `${where}.column`, ...fault }];
  return [...problems, ...faults, ...takenColumns(SPLIT_COLUMNS, fields, where)];
}
