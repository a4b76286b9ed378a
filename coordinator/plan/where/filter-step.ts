import type { Field } from "../../../shared/domain/dataset.ts";
import type { StepPlan } from "../../../shared/domain/step-plan.ts";
import { quoteIdentifier } from "../../../shared/sql/quote.ts";
import { ROW_COLUMN } from "../../../shared/steps/plan-sql.ts";

export const WHERE_KEY = "input.where";

/**
 * The first step of a map: it drops the rows for which `sql` is not true, and leaves all columns as they are.
 * The job's text stands last, so that no bracket or comment in it can change what ours means.
 *
 * @param reads the columns that the condition names
 */
export function filterStep(sql: string, fields: readonly Field[], reads: readonly string[]): StepPlan {
  const select = `SELECT rowid AS ${quoteIdentifier(ROW_COLUMN)} FROM rows WHERE ${sql}`;
  return {
    where: WHERE_KEY,
    op: { kind: "sql", select, named: [] },
    reads,
    columns: fields.map((field) => ({ ...field, from: field.name })),
  };
}
