import { type Problem, ShardmillError } from "../../shared/core/errors.ts";
import { showType } from "../../shared/dataset/field-differences.ts";
import { parquetFault } from "../../shared/dataset/parquet-form.ts";
import { type Field, type FieldType, type InputFile, innerTypes } from "../../shared/domain/dataset.ts";
import type { JobSpec } from "../../shared/domain/job-spec.ts";
import { isRowsText } from "../../shared/domain/output-formats.ts";
import { DECIMAL_DIGITS, hasWideDecimal } from "../../shared/sql/duckdb-types.ts";

/**
 * Refuses kept columns that are misread, that the output cannot hold, or that SQL would see with other
 * values. Columns that a model makes are numbers and text, which every format holds.
 *
 * @throws {SPEC_INVALID} with every such column
 */
export function checkKeptTypes(
  spec: Pick<JobSpec, "map" | "output" | "reduce">,
  keep: readonly Field[],
  files: readonly Pick<InputFile, "format">[],
): void {
  const reductions = Object.keys(spec.reduce).map((name) => `reduce.${name}`);
  const readsParquet = files.some(({ format }) => format === "parquet");
  // A job without a model keeps all columns by default.
  const keepsAll = spec.map.keep.length === 0;
  const without = keepsAll ? "list the other columns in map.keep" : "remove it from map.keep";
  const problems = keep.flatMap((field, index): Problem[] => {
    const fault = faultOf(field, { rows: spec.output.rows, reductions, readsParquet, without });
    return fault === null ? [] : [{ where: keepsAll ? "map.keep" : `map.keep[${index}]`, ...fault }];
  });
  if (problems.length > 0) {
    throw new ShardmillError("SPEC_INVALID", "kept columns do not fit the output", { problems });
  }
}

interface Uses {
  readonly rows: JobSpec["output"]["rows"];
  /** Names such as `reduce.best`. Reductions read the rows as Parquet, however they are published. */
  readonly reductions: readonly string[];
  readonly readsParquet: boolean;
  /** Way to keep a column out of the output. */
  readonly without: string;
}

function faultOf({ name, type }: Field, uses: Uses): Omit<Problem, "where"> | null {
  const { rows, reductions, readsParquet, without } = uses;
  const sql = reductions.length === 0 ? null : `the SQL of ${reductions.join(", ")}`;
  const found = showType(type);
  if (readsParquet && has(type, ({ kind }) => kind === "interval")) {
    return {
      what: `column \`${name}\` cannot be kept: only days and milliseconds of Parquet's intervals are read, so months are lost`,
      expected: "a type that is read without loss",
      found,
      hint: `${without}, or write the input's intervals as numbers`,
    };
  }
  const fault = parquetFault(type);
  const publisher = publishedBy(rows);
  if (fault !== null && (publisher !== null || sql !== null)) {
    const reader = publisher ?? `${sql} reads the rows as Parquet`;
    return {
      what: `column \`${name}\` cannot be written: ${fault}, and ${reader}`,
      expected: "a type that Parquet has",
      found,
      hint: sql === null ? `set output.rows to arrow, or ${without}` : without,
    };
  }
  if (sql === null || !hasWideDecimal(type)) return null;
  return {
    what: `column \`${name}\` has more digits than ${sql} can hold, so it would read other values`,
    expected: `decimals of ${DECIMAL_DIGITS} digits at most`,
    found,
    hint: `${without}, or remove reduce from the job`,
  };
}

/** Describes how publishing needs types of Parquet. Null: it does not. */
function publishedBy(rows: Uses["rows"]): string | null {
  if (rows === "parquet") return "the rows are published as Parquet";
  return isRowsText(rows) ? "text is written from Parquet" : null;
}

/**
 * Refuses columns whose values readers could not get back from text.
 *
 * @throws {SPEC_INVALID} with every such column
 */
export function checkTextTypes({ rows }: JobSpec["output"], fields: readonly Field[]): void {
  if (!isRowsText(rows)) return;
  const problems = fields.flatMap(({ name, type }): Problem[] => {
    const fault = TEXT_FAULTS.find(({ is }) => has(type, is));
    if (fault === undefined) return [];
    return [
      {
        where: "output.rows",
        what: `column \`${name}\` cannot be written as \`${rows}\`: ${fault.why}`,
        expected: "a type whose values readers get back from text",
        found: showType(type),
        hint: "convert it in map.finish, or set output.rows to parquet or arrow",
      },
    ];
  });
  if (problems.length > 0) throw new ShardmillError("SPEC_INVALID", "columns do not fit text", { problems });
}

const TEXT_FAULTS: readonly { readonly why: string; readonly is: (type: FieldType) => boolean }[] = [
  { why: "text has no common form of intervals", is: ({ kind }) => kind === "interval" },
  { why: `DuckDB has decimals of ${DECIMAL_DIGITS} digits at most`, is: hasWideDecimal },
  {
    why: "DuckDB has only microseconds with a time zone",
    is: (type) => type.kind === "timestamp" && type.zone !== null && type.unit === "nanosecond",
  },
];

/** Checks a type and all types inside it. */
function has(type: FieldType, isSo: (type: FieldType) => boolean): boolean {
  return isSo(type) || innerTypes(type).some((inner) => has(inner, isSo));
}
