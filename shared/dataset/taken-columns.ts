import type { Problem } from "../core/errors.ts";
import type { Field } from "../domain/dataset.ts";

/** Reports columns that a step would make a second time. */
export function takenColumns(
  names: readonly string[],
  fields: readonly Field[],
  where: string,
): readonly Problem[] {
  const taken = names.filter((name) => fields.some((field) => field.name === name));
  return taken.map((name) => ({
    where,
    what: `would make a second column \`${name}\``,
    expected: "rows without such a column",
    hint: `give it another name in an earlier step: sql: SELECT * RENAME ("${name}" AS other) FROM rows`,
  }));
}
