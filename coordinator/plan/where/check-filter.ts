import { withTempFolder } from "../../../shared/core/temp-folder.ts";
import type { Field } from "../../../shared/domain/dataset.ts";
import type { JobSpec } from "../../../shared/domain/job-spec.ts";
import { type CheckedWhere, checkWhere } from "./check-where.ts";

/**
 * What `input.where` says of rows with these columns; null without one.
 *
 * @throws {SQL_INVALID}
 */
export async function checkFilter(
  { where }: Pick<JobSpec["input"], "where">,
  fields: readonly Field[],
  signal: AbortSignal,
): Promise<CheckedWhere | null> {
  if (where === undefined) return null;
  return await withTempFolder("plan", (scratchFolder) =>
    checkWhere({ sql: where, fields, scratchFolder, signal }),
  );
}
