import { isTableFormat } from "../../../shared/domain/dataset.ts";
import type { JobSpec } from "../../../shared/domain/job-spec.ts";
import { endingOf, isShaped, isSortedAcross } from "../../../shared/domain/output-formats.ts";
import { rowsFormOf } from "../../../shared/domain/output-shape.ts";
import type { RowsFileForm } from "../../../shared/rows/write-rows.ts";
import type { PartLimits } from "./plan-parts.ts";

/** Form of the files in which the rows are published. */
export interface RowsShape extends RowsFileForm {
  readonly limits: PartLimits;
  readonly partitionBy: readonly string[];
  /** True: the rows of all files are in one order, and the order decides the files. Default: false. */
  readonly isSortedAcross?: boolean;
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
