import type { Problem } from "../../shared/core/errors.ts";
import { findColumn } from "../../shared/dataset/columns.ts";
import { showType } from "../../shared/dataset/field-differences.ts";
import type { FieldType } from "../../shared/domain/dataset.ts";
import type { StepColumn } from "../../shared/domain/step-binding.ts";
import type { PlannedStep, Refused, StepPlanner } from "../../shared/extension/step-part.ts";
import { canRead, fieldOfType } from "../../shared/values/value-type.ts";
import type { SpansOp } from "./op.ts";
import { notText } from "./read-tokenizer.ts";
import type { SpansSpec } from "./spec.ts";
import { offsetsColumn, spansColumn } from "./token-columns.ts";

type SpansContext = Pick<Parameters<StepPlanner>[1], "where" | "fields" | "folder">;

/** Plans a step that makes spans of labelled tokens. */
export function planSpans(spec: SpansSpec, { where, fields, folder }: SpansContext): PlannedStep | Refused {
  const { logits, text, offsets, column, strategy, ignore } = spec;
  const problems: Problem[] = [];
  const find = (key: "logits" | "text" | "offsets") => {
    const found = findColumn(fields, spec[key], `${where}.${key}`);
    problems.push(...found.problems);
    return found.field;
  };
  const refuse = (key: string, problem: Omit<Problem, "where">) =>
    problems.push({ where: `${where}.${key}`, ...problem });
  const scores = find("logits");
  const classes = scores === null ? null : classesOf(scores.type);
  if (scores !== null && classes === null)
    refuse("logits", {
      what: "has no scores of labels for each token",
      expected: "an output of `[batch, positions, labels]`, with `op: raw`",
      found: showType(scores.type),
    });
  const words = find("text");
  const fault = words === null ? null : notText(words);
  if (fault !== null) refuse("text", fault);
  const places = find("offsets");
  if (places !== null && !canRead(offsetsColumn(offsets).type, places.type))
    refuse("offsets", {
      what: "does not have the offsets of tokens",
      expected: "the column that `offsets` of the input with a `tokenizer` names, among `keep`",
      found: showType(places.type),
    });
  const labels = spec.labels ?? folder?.facts.labels ?? null;
  problems.push(...labelProblems(spec, { where, labels, classes }));
  const passing = fields.filter(({ name }) => name !== logits && name !== offsets);
  const taken = passing.find(({ name }) => name.toLowerCase() === column.toLowerCase());
  if (taken !== undefined)
    refuse("column", {
      what: `would make a second column \`${taken.name}\``,
      expected: "another name",
      found: `\`${column}\``,
    });
  if (problems.length > 0) return { problems };
  const passed = passing.map((field): StepColumn => ({ ...field, from: field.name }));
  const op: SpansOp = { logits, text, offsets, column, strategy, labels: labels ?? [], ignore };
  return {
    data: { ...op },
    files: [],
    reads: [...new Set([logits, text, offsets])],
    columns: [...passed, { ...fieldOfType(spansColumn(column)), from: null }],
  };
}

function labelProblems(
  spec: SpansSpec,
  found: {
    readonly where: string;
    readonly labels: readonly string[] | null;
    readonly classes: number | null;
  },
): readonly Problem[] {
  const { labels, classes } = found;
  const where = `${found.where}.labels`;
  if (labels === null)
    return [
      { where, what: "is missing", expected: "the names of the classes: the model's folder says none" },
    ];
  if (classes === null || labels.length === classes) return [];
  const whose = spec.labels === undefined ? ", in the model's folder" : "";
  const what = "are more or fewer than the model's labels";
  return [{ where, what, expected: `${classes} labels`, found: `${labels.length}${whose}` }];
}

/** Returns the number of classes that each token has scores for. Null: the column has another type. */
function classesOf(type: FieldType): number | null {
  if (type.kind !== "list" && type.kind !== "fixedList") return null;
  const { item } = type;
  if (item.kind !== "fixedList" || item.item.kind !== "numeric") return null;
  return item.item.type.startsWith("float") ? item.length : null;
}
