import { showType } from "../shared/dataset/field-differences.ts";
import { parquetFault, parquetForm } from "../shared/dataset/parquet-form.ts";
import type { Field, FieldType, TimeUnit } from "../shared/domain/dataset.ts";
import { DECIMAL_DIGITS, duckdbType } from "../shared/sql/duckdb-types.ts";

const STRING: FieldType = { kind: "string" };
const FIELD: Field = { name: "a", type: STRING, nullable: true };
const UNITS: readonly TimeUnit[] = ["second", "millisecond", "microsecond", "nanosecond"];

/** Types of each kind that differ in their treatment. */
const TYPES = {
  null: [{ kind: "null" }],
  numeric: (["bool", "int8", "uint64", "float16", "float32", "float64"] as const).map((type) => ({
    kind: "numeric",
    type,
  })),
  string: [STRING],
  binary: [{ kind: "binary" }],
  fixedBinary: [{ kind: "fixedBinary", bytes: 16 }],
  date: [
    { kind: "date", unit: "day" },
    { kind: "date", unit: "millisecond" },
  ],
  time: UNITS.map((unit) => ({ kind: "time", unit })),
  timestamp: UNITS.flatMap((unit) => [
    { kind: "timestamp", unit, zone: null },
    { kind: "timestamp", unit, zone: "Europe/Berlin" },
  ]),
  duration: UNITS.map((unit) => ({ kind: "duration", unit })),
  interval: (["yearMonth", "dayTime", "monthDayNano"] as const).map((unit) => ({ kind: "interval", unit })),
  decimal: [
    { kind: "decimal", precision: DECIMAL_DIGITS, scale: 10 },
    { kind: "decimal", precision: DECIMAL_DIGITS + 1, scale: 10 },
    { kind: "decimal", precision: 10, scale: -2 },
  ],
  list: [
    { kind: "list", item: STRING },
    { kind: "list", item: { kind: "null" } },
  ],
  fixedList: [
    { kind: "fixedList", item: STRING, length: 3 },
    { kind: "fixedList", item: STRING, length: 0 },
  ],
  struct: [
    { kind: "struct", fields: [FIELD] },
    { kind: "struct", fields: [] },
  ],
  map: [{ kind: "map", key: STRING, value: STRING }],
  dictionary: [{ kind: "dictionary", values: STRING }],
  union: [{ kind: "union", fields: [FIELD] }],
} as const satisfies Record<FieldType["kind"], readonly FieldType[]>;

/** Returns the table of types: their form in Parquet output and in SQL. */
export function renderTypeReference(): string {
  const types: readonly FieldType[] = Object.values(TYPES).flat();
  return ["| kept column | in Parquet output | in SQL |", "|---|---|---|", ...types.map(rowOf)].join("\n");
}

function rowOf(type: FieldType): string {
  const shown = `\`${showType(type)}\``;
  const fault = parquetFault(type);
  if (fault !== null) return `| ${shown} | refused: ${fault} | refused |`;
  const isWide = type.kind === "decimal" && type.precision > DECIMAL_DIGITS;
  const sql = isWide ? `refused: DuckDB has ${DECIMAL_DIGITS} digits` : `\`${duckdbType(type)}\``;
  const form = showType(parquetForm(type));
  return `| ${shown} | ${form === showType(type) ? "as it is" : `\`${form}\``} | ${sql} |`;
}
