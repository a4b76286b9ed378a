import { isTableFormat, type TableFormat } from "../../../shared/domain/dataset.ts";
import type { JobSpec } from "../../../shared/domain/job-spec.ts";
import { endingOf, isShaped } from "../../../shared/domain/output-formats.ts";
import { rowsFormOf } from "../../../shared/domain/output-shape.ts";
import type { RowsForm } from "../../../shared/domain/rows-form.ts";
import type { PartLimits } from "./plan-parts.ts";

/** Form of the files in which the rows are published. */
export interface RowsShape {
  /** Format of the partials' rows. */
  readonly format: TableFormat;
  /** Ending of the files, which gives their form: `parquet`, `csv.gz`. */
  readonly ending: string;
  readonly form: RowsForm;
  readonly limits: PartLimits;
  readonly partitionBy: readonly string[];
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
  };
}
