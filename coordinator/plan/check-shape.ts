import { type Problem, ShardmillError } from "../../shared/core/errors.ts";
import { showType } from "../../shared/dataset/field-differences.ts";
import type { Field } from "../../shared/domain/dataset.ts";
import type { JobSpec } from "../../shared/domain/job-spec.ts";
import { isSortable, namesFolders, sortOf } from "../../shared/domain/output-shape.ts";

/**
 * Checks that the columns which `output` names are published, and that their types can sort rows or name
 * folders.
 *
 * @throws {SPEC_INVALID} with every column that does not fit
 */
export function checkShape({ sort, partitionBy = [] }: JobSpec["output"], fields: readonly Field[]): void {
  const problems = [
    ...(sort === undefined ? [] : sortProblems(sort, fields)),
    ...folderProblems(partitionBy, fields),
  ];
  if (problems.length > 0) {
    throw new ShardmillError("SPEC_INVALID", "the output cannot have this shape", { problems });
  }
}

function sortProblems(sort: NonNullable<JobSpec["output"]["sort"]>, fields: readonly Field[]): Problem[] {
  const list = "by" in sort ? "output.sort.by" : "output.sort";
  return sortOf(sort).by.flatMap(({ column }, index): Problem[] => {
    const where = `${list}[${index}]`;
    const field = fields.find(({ name }) => name === column);
    if (field === undefined) return [noColumn(where, column, fields)];
    if (isSortable(field.type)) return [];
    const what = `rows cannot be sorted by \`${column}\`: its values have no order`;
    return [{ where, what, expected: "numbers, text, bytes or times", found: showType(field.type) }];
  });
}

function folderProblems(partitionBy: readonly string[], fields: readonly Field[]): Problem[] {
  const problems = partitionBy.flatMap((column, index): Problem[] => {
    const where = `output.partitionBy[${index}]`;
    const field = fields.find(({ name }) => name === column);
    if (field === undefined) return [noColumn(where, column, fields)];
    if (partitionBy.indexOf(column) < index)
      return [{ where, what: `\`${column}\` is named twice`, hint: "name it once" }];
    if (namesFolders(field.type)) return [];
    const what = `values of \`${column}\` cannot name folders: readers could not read them back`;
    const hint = "convert it to whole numbers, truth values, days or text in map.finish";
    return [
      {
        where,
        what,
        expected: "whole numbers, truth values, days or text",
        found: showType(field.type),
        hint,
      },
    ];
  });
  if (problems.length === 0 && partitionBy.length > 0 && partitionBy.length === fields.length)
    return [
      {
        where: "output.partitionBy",
        what: "no column is left for the files",
        expected: "fewer columns than the published rows have",
        found: partitionBy.join(", "),
      },
    ];
  return problems;
}

const NAMES_SHOWN = 20;

function noColumn(where: string, column: string, fields: readonly Field[]): Problem {
  const names = fields.slice(0, NAMES_SHOWN).map(({ name }) => `\`${name}\``);
  const more = fields.length > NAMES_SHOWN ? `, and ${fields.length - NAMES_SHOWN} more` : "";
  const like = fields.find(({ name }) => name.toLowerCase() === column.toLowerCase());
  return {
    where,
    what: `the published rows have no column \`${column}\``,
    expected: `one of ${names.join(", ")}${more}`,
    hint: like === undefined ? "add it to map.keep, if the input has it" : `did you mean \`${like.name}\`?`,
  };
}
