import type { Problem } from "../../../shared/core/errors.ts";
import { listNames } from "../../../shared/core/list-names.ts";
import { didYouMean } from "../../../shared/core/nearest.ts";
import { showType as showFieldType } from "../../../shared/dataset/field-differences.ts";
import type { Field } from "../../../shared/domain/dataset.ts";
import { canRead, type NamedType, showType, typeThatReads } from "../../../shared/values/value-type.ts";

/** Why a column that code reads cannot be read; null where it can. */
export function readProblem(
  { name, type }: NamedType,
  fields: readonly Field[],
  where: string,
): Problem | null {
  const field = fields.find((found) => found.name === name);
  const names = fields.map((found) => found.name);
  const reads = `${where} reads`;
  if (field === undefined) {
    return {
      where: reads,
      what: `no column \`${name}\``,
      expected: listNames(names),
      found: `\`${name}\``,
      ...didYouMean(name, names),
    };
  }
  if (canRead(type, field.type)) return null;
  const fitting = typeThatReads(field.type);
  return {
    where: reads,
    what: `\`${name}\` cannot be read as ${showType(type)}`,
    expected: fitting === null ? "a type that a step can read" : showType(fitting),
    found: showFieldType(field.type),
    ...(fitting === null ? { hint: "make another column of it with `sql` in front of the step" } : {}),
  };
}

/** In SQL, and in what is published, case does not tell columns apart. */
export function nameProblem(
  { name }: NamedType,
  made: readonly NamedType[],
  fields: readonly Field[],
  where: string,
): Problem | null {
  const isAlike = (other: { readonly name: string }) =>
    other.name !== name && other.name.toLowerCase() === name.toLowerCase();
  const other = made.find(isAlike) ?? fields.find(isAlike);
  if (name !== "" && other === undefined) return null;
  return {
    where: `${where} columns`,
    what: name === "" ? "a column without a name" : `\`${name}\` and \`${other?.name}\` differ in case only`,
    expected: "names that differ by more than upper and lower case",
    found: `\`${name}\``,
  };
}
