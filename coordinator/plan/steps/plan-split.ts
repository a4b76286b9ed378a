import { present } from "../../../shared/core/assert.ts";
import { type Problem, ShardmillError } from "../../../shared/core/errors.ts";
import type { Field, FieldType } from "../../../shared/domain/dataset.ts";
import type { StepSpec } from "../../../shared/domain/map-spec.ts";
import type { StepBinding, StepColumn } from "../../../shared/domain/step-binding.ts";
import type { SpecProblem } from "../../../shared/job-file/issue-problems.ts";
import { Columns } from "../bind/columns.ts";
import { notText, type Tokenizers, tokenizerFacts } from "./read-tokenizer.ts";
import type { StepFiles } from "./step-files.ts";
import { takenColumns } from "./taken-columns.ts";

type SplitSpec = NonNullable<StepSpec["split"]>;

interface SplitContext {
  /** Of the step: `map.prepare[0]`. */
  readonly where: string;
  /** The columns in front of it. */
  readonly fields: readonly Field[];
  readonly files: StepFiles;
  readonly tokenizers: Tokenizers;
}

/** What a split makes beside the passages: which one of its text it is, and where it lies in it. */
const SPLIT_COLUMNS = ["part", "start", "end"];
const INT32: FieldType = { kind: "numeric", type: "int32" };

/** @throws {SPEC_INVALID} with all that is wrong with it */
export function planSplit(
  { column, tokenizer, tokens, overlap, sentences }: SplitSpec,
  { where: step, fields, files, tokenizers }: SplitContext,
): StepBinding {
  const where = `${step}.split`;
  const file = present(files.get(tokenizer), "the files of the steps are read");
  const problems = [...columnProblems(column, where, fields)];
  const read = tokenizerFacts(`${where}.tokenizer`, tokenizer, tokenizers);
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
  if (problems.length > 0) throw new ShardmillError("SPEC_INVALID", `${where} cannot be done`, { problems });
  const passed = fields.map((field): StepColumn => {
    return { ...field, from: field.name === column ? null : field.name };
  });
  const made = SPLIT_COLUMNS.map((name) => ({ name, type: INT32, nullable: false, from: null }));
  const columns = [...passed.map((field) => (field.name === column ? textField(field) : field)), ...made];
  return {
    where,
    op: { kind: "split", column, tokens, overlap, sentences },
    files: [file],
    reads: [column],
    columns,
  };
}

function textField(field: StepColumn): StepColumn {
  return { ...field, type: { kind: "string" }, nullable: true };
}

function columnProblems(column: string, where: string, fields: readonly Field[]): readonly Problem[] {
  const found: SpecProblem[] = [];
  const field = new Columns(fields).find(column, [], found);
  const problems = found.map(({ path: _path, part: _part, ...problem }) => ({
    where: `${where}.column`,
    ...problem,
  }));
  const fault = field === null ? null : notText(field);
  if (fault !== null) problems.push({ where: `${where}.column`, ...fault });
  problems.push(...takenColumns(SPLIT_COLUMNS, fields, where));
  return problems;
}
