import type { TableFormat } from "../../../shared/domain/dataset.ts";
import type { JobSpec } from "../../../shared/domain/job-spec.ts";
import { rowsFormOf } from "../../../shared/domain/output-shape.ts";
import type { RowsForm } from "../../../shared/domain/rows-form.ts";
import type { PartLimits } from "./plan-parts.ts";

/** Form of the files in which the rows are published. */
export interface RowsShape {
  readonly format: TableFormat;
  readonly form: RowsForm;
  readonly limits: PartLimits;
  readonly partitionBy: readonly string[];
}

/** Returns the shape of an output's rows. Null: the partials' own files are the parts. */
export function rowsShapeOf(output: JobSpec["output"]): RowsShape | null {
  const { rows: format, fileRows = null, fileBytes = null, partitionBy = [] } = output;
  if (format === "none" || (fileRows === null && fileBytes === null && partitionBy.length === 0)) return null;
  return { format, form: rowsFormOf(output), limits: { rows: fileRows, bytes: fileBytes }, partitionBy };
}
