import { isTableFormat } from "../domain/dataset.ts";
import type { JobSpec } from "../domain/job-spec.ts";
import { endingOf, isShaped, isSortedAcross } from "../domain/output-formats.ts";
import { rowsFormOf } from "../domain/output-shape.ts";
import type { PartLimits } from "./plan-parts.ts";
import type { PartForm } from "./write-parts.ts";

/** Form of the files in which the rows are published. */
export interface RowsShape extends PartForm {
  readonly limits: PartLimits;
}

/** Returns the shape of an output's rows. Null: the partials' own files are the parts. */
export function rowsShapeOf(output: JobSpec["output"]): RowsShape | null {
  const { rows, compression, fileRows = null, fileBytes = null, partitionBy = [] } = output;
  if (rows === "none" || !isShaped(output)) return null;
  const format = isTableFormat(rows) ? rows : "parquet";
  const ending = endingOf(rows, compression);
  return {
    format,
    ending,
    form: rowsFormOf(output),
    limits: { rows: fileRows, bytes: fileBytes },
    partitionBy,
    isSortedAcross: isSortedAcross(output),
  };
}
