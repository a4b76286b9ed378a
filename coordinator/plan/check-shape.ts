import { type Problem, ShardmillError } from "../../shared/core/errors.ts";
import { showType } from "../../shared/dataset/field-differences.ts";
import type { Field } from "../../shared/domain/dataset.ts";
import type { JobSpec } from "../../shared/domain/job-spec.ts";
import { isSortable } from "../../shared/domain/output-shape.ts";

/**
 * The columns that `output` names must be published ones, of types that can be used so.
 *
 * @throws {SPEC_INVALID} with every column that cannot
 */
export function checkShape({ sort = [] }: JobSpec["output"], fields: readonly Field[]): void {
  const problems = sort.flatMap(({ column }, index): Problem[] => {
    const where = `output.sort[${index}]`;
    const field = fields.find(({ name }) => name === column);
    if (field === undefined) return [noColumn(where, column, fields)];
    if (isSortable(field.type)) return [];
    const what = `rows cannot be sorted by \`${column}\`: its values have no order`;
    return [{ where, what, expected: "numbers, text, bytes or times", found: showType(field.type) }];
  });
  if (problems.length > 0) {
    throw new ShardmillError("SPEC_INVALID", "the output cannot be shaped so", { problems });
  }
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
    hint: like === undefined ? "keep it by map.keep, if the input has it" : `did you mean \`${like.name}\`?`,
  };
}
