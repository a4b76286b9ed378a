import type { Field, FieldType, InputFile } from "./dataset.ts";
import { reductionValue } from "./features.ts";
import type { JobSpec } from "./job-spec.ts";
import { lastStageOf } from "./job-stages.ts";
import type { MapBinding } from "./map-binding.ts";
import { isCombined } from "./reduction-binding.ts";

interface PlannedRows {
  readonly spec: Pick<JobSpec, "model" | "map" | "reduce"> & {
    readonly output: Pick<JobSpec["output"], "rows" | "sort">;
  };
  readonly map: Pick<MapBinding, "prepare" | "finish" | "keep">;
  readonly dataset: {
    readonly files: readonly Pick<InputFile, "format" | "partitions">[];
    readonly fields: readonly Field[];
  };
}

/** Most reductions of a job whose rows are copied. Each has a process for each shard that is combined. */
const MOST_REDUCTIONS = 4;

/** Names that DuckDB gives to columns of its own. */
const VIRTUAL_COLUMNS: ReadonlySet<string> = new Set(["file_row_number", "file_index", "filename"]);

/**
 * Returns the reason why a job's workers decode its rows. Null: they copy the row groups of a shard as they
 * are, and DuckDB combines the copies. So the rows must reach `combine` unchanged. DuckDB must read them from
 * the input as it reads them from a file of mapped rows.
 */
export function whyDecoded({ spec, map, dataset }: PlannedRows): string | null {
  const { reduce, output } = spec;
  const reductions = Object.values(reduce);
  if (lastStageOf(spec).model !== undefined) return "the model reads the rows";
  if (map.prepare.length + map.finish.length > 0) return "steps read the rows";
  if (reductions.length === 0 || output.rows !== "none") return "the rows are written";
  if (reductions.some((each) => reductionValue(each) !== null)) return "a program reads the rows";
  if (!reductions.every(isCombined)) return "a `final` reads the rows";
  if (reductions.length > MOST_REDUCTIONS) return `there are more than ${MOST_REDUCTIONS} reductions`;
  if (output.sort !== undefined) return "the rows are sorted";
  if (dataset.files.some(({ format }) => format !== "parquet")) return "a file is not Parquet";
  if (dataset.files.some(({ partitions = [] }) => partitions.length > 0))
    return "folders give the rows more columns";
  const names = dataset.fields.map(({ name }) => name.toLowerCase());
  if (names.some((name) => VIRTUAL_COLUMNS.has(name)) || new Set(names).size < names.length)
    return "DuckDB would name a column otherwise";
  const other = map.keep.find(({ type }) => !isSameInDuckdb(type));
  return other === undefined ? null : `DuckDB may read \`${other.name}\` otherwise`;
}

/**
 * Checks whether DuckDB reads each value of a type from any Parquet file as from a file of mapped rows. For
 * types that it reads as another type, such as INT96, the worker finds the difference.
 */
function isSameInDuckdb(type: FieldType): boolean {
  switch (type.kind) {
    case "numeric":
      return type.type !== "float16";
    case "string":
    case "binary":
    case "decimal":
      return true;
    case "date":
      return type.unit === "day";
    case "time":
    case "timestamp":
      return type.unit !== "second";
    case "dictionary":
      return isSameInDuckdb(type.values);
    case "list":
      return isSameInDuckdb(type.item);
    case "struct": {
      const names = new Set(type.fields.map(({ name }) => name.toLowerCase()));
      return names.size === type.fields.length && type.fields.every((field) => isSameInDuckdb(field.type));
    }
    default:
      return false;
  }
}
