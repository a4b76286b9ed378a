import { withTempFolder } from "../../../shared/core/temp-folder.ts";
import type { Field } from "../../../shared/domain/dataset.ts";
import type { JobSpec } from "../../../shared/domain/job-spec.ts";
import { type CheckedWhere, checkWhere } from "./check-where.ts";

/**
 * Checks `input.where` on rows with these columns. Returns null if the job has none.
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
