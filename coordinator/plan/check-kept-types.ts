import { type Problem, ShardmillError } from "../../shared/core/errors.ts";
import { showType } from "../../shared/dataset/field-differences.ts";
import { parquetFault } from "../../shared/dataset/parquet-faults.ts";
import { type Field, type FieldType, innerTypes } from "../../shared/domain/dataset.ts";
import type { JobSpec } from "../../shared/domain/job-spec.ts";
import { DECIMAL_DIGITS } from "../../shared/sql/duckdb-types.ts";

/**
 * Refuses kept columns that the job's output cannot hold, or that its SQL would see as something else. Columns that a model
 * makes are numbers and text, which everything holds.
 *
 * @throws {SPEC_INVALID} with every such column
 */
export function checkKeptTypes(spec: JobSpec, keep: readonly Field[]): void {
  const reductions = Object.keys(spec.reduce).map((name) => `reduce.${name}`);
  const problems = keep.flatMap((field, index): Problem[] => {
    const fault = faultOf(field, { rows: spec.output.rows, reductions });
    return fault === null ? [] : [{ where: `map.keep[${index}]`, ...fault }];
  });
  if (problems.length > 0) {
    throw new ShardmillError("SPEC_INVALID", "kept columns do not fit the output", { problems });
  }
}

interface Uses {
  readonly rows: JobSpec["output"]["rows"];
  /** `reduce.best`, ...: they read the rows as Parquet, whatever is published. */
  readonly reductions: readonly string[];
}

function faultOf({ name, type }: Field, { rows, reductions }: Uses): Omit<Problem, "where"> | null {
  const sql = reductions.length === 0 ? null : `the SQL of ${reductions.join(", ")}`;
  const found = showType(type);
  const fault = parquetFault(type);
  if (fault !== null && (rows === "parquet" || sql !== null)) {
    const reader =
      rows === "parquet" ? "the rows are published as Parquet" : `${sql} reads the rows as Parquet`;
    const instead = sql === null ? "set output.rows to arrow, or leave" : "leave";
    return {
      what: `column \`${name}\` cannot be written: ${fault}, and ${reader}`,
      expected: "a type that Parquet has",
      found,
      hint: `${instead} it out of map.keep`,
    };
  }
  if (sql === null || !hasWideDecimal(type)) return null;
  return {
    what: `column \`${name}\` has more digits than ${sql} can hold: it would see rounded values`,
    expected: `decimals of ${DECIMAL_DIGITS} digits at most`,
    found,
    hint: "leave it out of map.keep, or the job without reduce",
  };
}

function hasWideDecimal(type: FieldType): boolean {
  if (type.kind === "decimal") return type.precision > DECIMAL_DIGITS;
  return innerTypes(type).some(hasWideDecimal);
}
