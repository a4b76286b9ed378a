import { didYouMean } from "../../shared/core/nearest.ts";
import type { InputBinding } from "../../shared/domain/map-plan.ts";
import type { InputSpec } from "../../shared/domain/map-spec.ts";
import type { TensorInfo } from "../../shared/domain/tensor.ts";
import type { SpecProblem } from "../../shared/job-file/issue-problems.ts";
import type { KeyPath } from "../../shared/job-file/key-path.ts";
import { type CellSize, type Columns, cellSize, describeFieldType, listNames } from "./bind-column.ts";
import { isMaskName } from "./bind-mask-name.ts";

/** An ONNX input whose columns are found, its shape perhaps not yet. */
export interface InputSource {
  readonly tensor: TensorInfo;
  readonly spec: InputSpec | null;
  readonly path: KeyPath;
  readonly source: InputBinding["source"];
  readonly cell: CellSize;
  /** The columns and their types, for messages. */
  readonly found: string;
}

/** Finds the columns that feed an ONNX input; null with problems when they are missing or no numbers. */
export function findSource(
  tensor: TensorInfo,
  spec: InputSpec | null,
  columns: Columns,
  problems: SpecProblem[],
): InputSource | null {
  const path = ["map", "inputs", tensor.name];
  if (spec?.columns !== undefined) return findStack(tensor, spec, spec.columns, columns, problems);
  const name = spec?.column ?? tensor.name;
  if (spec?.column === undefined && !columns.has(name)) {
    problems.push({ path, part: "key", ...noSource(tensor, columns) });
    return null;
  }
  const columnPath = spec?.column === undefined ? path : [...path, "column"];
  const field = columns.find(name, columnPath, problems);
  if (field === null) return null;
  const cell = cellSize(field.type);
  const found = `\`${name}\`: ${describeFieldType(field.type)}`;
  if (cell === null) {
    problems.push({
      path: columnPath,
      part: "value",
      what: `column \`${name}\` cannot feed a model`,
      expected: "numbers, a list of numbers, or binary",
      found: describeFieldType(field.type),
    });
    return null;
  }
  if (spec?.fill !== undefined && (cell.kind === "bytes" || cell.kind === "bytesPerRow")) {
    problems.push({
      path: [...path, "fill"],
      part: "value",
      what: "`fill` stands in for a missing number, this column has none",
      expected: "a column of numbers or of lists of numbers",
      found,
    });
  }
  return { tensor, spec, path, source: { kind: "one", column: name }, cell, found };
}

function noSource(tensor: TensorInfo, columns: Columns): Omit<SpecProblem, "path" | "part"> {
  const names = columns.fields.map((field) => field.name);
  return {
    what: `nothing feeds the model's input \`${tensor.name}\``,
    expected: `a column \`${tensor.name}\`, or an entry under map.inputs that says which`,
    found: `the columns ${listNames(names)}`,
    ...(isMaskName(tensor.name) ? MAKE_MASK : didYouMean(tensor.name, names)),
  };
}

const MAKE_MASK = {
  hint: "`mask` makes it of an input that is fed by lists: `attention_mask: { mask: input_ids }`",
};

function findStack(
  tensor: TensorInfo,
  spec: InputSpec,
  wanted: string | readonly string[],
  columns: Columns,
  problems: SpecProblem[],
): InputSource | null {
  const path = ["map", "inputs", tensor.name];
  const columnsPath = [...path, "columns"];
  const before = problems.length;
  const names = typeof wanted === "string" ? matching(wanted, columns, columnsPath, problems) : wanted;
  for (const [index, name] of names.entries()) {
    const namePath = typeof wanted === "string" ? columnsPath : [...columnsPath, index];
    const field = columns.find(name, namePath, problems);
    if (field === null || field.type.kind === "numeric") continue;
    problems.push({
      path: namePath,
      part: "value",
      what: `column \`${name}\` cannot be stacked`,
      expected: "columns of one number a row",
      found: `\`${name}\`: ${describeFieldType(field.type)}`,
    });
  }
  if (problems.length > before) return null;
  const found = `${names.length} stacked columns (${listNames(names)})`;
  return {
    tensor,
    spec,
    path,
    source: { kind: "stack", columns: names },
    cell: { kind: "values", values: names.length },
    found,
  };
}

/** The columns that a pattern with `*` and `?` stands for, in schema order. */
function matching(
  pattern: string,
  columns: Columns,
  path: KeyPath,
  problems: SpecProblem[],
): readonly string[] {
  const names = columns.fields.map((field) => field.name);
  const matched = names.filter((name) => matchesPattern(name, pattern));
  if (matched.length === 0) {
    problems.push({
      path,
      part: "value",
      what: `no column is named like \`${pattern}\``,
      expected: `columns of the input: ${listNames(names)}`,
      ...didYouMean(pattern, names),
    });
  }
  return matched;
}

/**
 * Greedy with one step back: linear in practice whatever the pattern, where a regular expression can explode.
 */
export function matchesPattern(name: string, pattern: string): boolean {
  let at = 0;
  let star = -1;
  let resume = 0;
  let next = 0;
  while (at < name.length) {
    if (pattern[next] === "*") {
      star = next;
      resume = at;
      next += 1;
    } else if (next < pattern.length && (pattern[next] === "?" || pattern[next] === name[at])) {
      next += 1;
      at += 1;
    } else if (star >= 0) {
      resume += 1;
      at = resume;
      next = star + 1;
    } else return false;
  }
  return /^\**$/.test(pattern.slice(next));
}
